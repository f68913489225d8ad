#include "tenon/io/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "io/io_support.h"
#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/io/weights.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/ops.h"
#include "tenon/optim/optim.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A small training run: two layers, noise from an Rng, an optimizer.
struct Run {
  explicit Run(std::uint64_t seed) : rng(seed) {
    model.add<nn::Linear>("first", 3, 4, rng);
    model.add<nn::BatchNorm1d>("norm", 4);
    model.add<nn::Linear>("second", 4, 2, rng);
  }
  virtual ~Run() = default;
  virtual optim::Optimizer& optimizer() = 0;

  void train(int steps) {
    for (int i = 0; i < steps; ++i) {
      const Tensor x = Tensor::normal({6, 3}, rng);
      optimizer().zero_grad();
      mean(square(model(x))).backward();
      optimizer().step();
      ++step;
    }
  }
  void save(const std::string& path) {
    save_checkpoint(
        path, {.model = &model, .optimizer = &optimizer(), .epoch = 7, .step = step, .rng = &rng});
  }
  void resume(const std::string& path) {
    const CheckpointInfo info =
        load_checkpoint(path, {.model = &model, .optimizer = &optimizer(), .rng = &rng});
    EXPECT_EQ(info.epoch, 7);
    step = info.step;
  }

  Rng rng;
  nn::Sequential model;
  std::int64_t step = 0;
};

template <class Optimizer, class Options>
struct RunWith : Run {
  RunWith(std::uint64_t seed, Options options)
      : Run(seed), optimizer_(model.parameters(), options) {}
  optim::Optimizer& optimizer() override { return optimizer_; }
  Optimizer optimizer_;
};

template <class Optimizer, class Options>
void check_resume(Options options) {
  const TemporaryFolder folder;
  RunWith<Optimizer, Options> whole(1, options), killed(1, options), resumed(99, options);
  whole.train(4);
  whole.optimizer().set_learning_rate(0.003);
  whole.train(3);

  killed.train(4);
  killed.optimizer().set_learning_rate(0.003);
  killed.save(folder / "run.h5");
  resumed.resume(folder / "run.h5");
  resumed.train(3);
  EXPECT_EQ(bits_of(resumed.model), bits_of(whole.model));
  EXPECT_EQ(bits_of(resumed.optimizer().state()), bits_of(whole.optimizer().state()));
  EXPECT_EQ(resumed.step, 7);
  EXPECT_EQ(resumed.rng.key(), whole.rng.key());
  EXPECT_EQ(resumed.rng.position(), whole.rng.position());
  killed.train(2);
  EXPECT_NE(bits_of(killed.model), bits_of(whole.model));
}

TEST(Checkpoint, AResumedRunEndsWithTheSameBits) {
  check_resume<optim::SGD>(
      optim::SGDOptions{.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.5});
  check_resume<optim::Adam>(optim::AdamOptions{.learning_rate = 0.01, .amsgrad = true});
  check_resume<optim::AdamW>(optim::AdamWOptions{.learning_rate = 0.01, .weight_decay = 0.1});
  check_resume<optim::RMSprop>(
      optim::RMSpropOptions{.learning_rate = 0.01, .momentum = 0.5, .centered = true});
}

TEST(Checkpoint, HoldsEpochStepStreamsAndMetadata) {
  const TemporaryFolder folder;
  Rng rng(~std::uint64_t{0}), noise(5);
  rng.take(~std::uint64_t{0} - 3);
  noise.take(17);
  const std::string long_text(1 << 20, 'x');
  const std::map<std::string, MetadataValue> metadata = {
      {"model", "LeNet5"}, {"seed", 1},         {"rate", 2e-3},
      {"big", INT64_MIN},  {"flag", true},      {"empty", ""},
      {"größe/ä", "ü€"},   {"long", long_text}, {"text", std::string("a\nb")}};
  save_checkpoint(folder / "run.h5", {.epoch = 3,
                                      .step = INT64_MAX,
                                      .rng = &rng,
                                      .rngs = {{"noise", &noise}},
                                      .metadata = metadata});

  Rng rng2(1), noise2(1);
  const CheckpointInfo info =
      load_checkpoint(folder / "run.h5", {.rng = &rng2, .rngs = {{"noise", &noise2}}});
  EXPECT_EQ(info.epoch, 3);
  EXPECT_EQ(info.step, INT64_MAX);
  EXPECT_EQ(info.metadata, metadata);
  EXPECT_EQ(info.metadata.at("model").text(), "LeNet5");
  EXPECT_EQ(info.metadata.at("seed").integer(), 1);
  EXPECT_EQ(info.metadata.at("seed").number(), 1.0);
  EXPECT_EQ(info.metadata.at("rate").number(), 2e-3);
  EXPECT_EQ(rng2.key(), rng.key());
  EXPECT_EQ(rng2.position(), rng.position());
  EXPECT_EQ(noise2.next(), noise.next());

  const CheckpointInfo alone = load_checkpoint(folder / "run.h5");
  EXPECT_EQ(alone.metadata, metadata);
}

TEST(Checkpoint, SameContentsGiveTheSameBytes) {
  const TemporaryFolder folder;
  for (const char* name : {"a.h5", "b.h5"}) {
    RunWith<optim::Adam, optim::AdamOptions> run(1, {});
    run.train(2);
    run.save(folder / name);
  }
  EXPECT_EQ(read_bytes(folder / "a.h5"), read_bytes(folder / "b.h5"));
}

TEST(Checkpoint, ParametersWithoutGradientHaveNoState) {
  const TemporaryFolder folder;
  const auto make = [] {
    return std::make_unique<RunWith<optim::Adam, optim::AdamOptions>>(1, optim::AdamOptions{});
  };
  const auto run = make();
  run->model.parameters().at("first.weight").set_requires_grad(false);
  run->train(2);
  EXPECT_EQ(run->optimizer().state().count("first.weight/first_moment"), 0U);
  EXPECT_EQ(run->optimizer().state().count("second.weight/first_moment"), 1U);
  run->save(folder / "run.h5");
  const auto other = make();
  other->train(1);  // what this has for first.weight is forgotten
  other->resume(folder / "run.h5");
  EXPECT_EQ(bits_of(other->optimizer().state()), bits_of(run->optimizer().state()));
}

TEST(Checkpoint, AllDifferencesAreToldAtOnceAndNothingChanges) {
  const TemporaryFolder folder;
  RunWith<optim::Adam, optim::AdamOptions> run(1, {});
  run.train(2);
  run.save(folder / "run.h5");

  Rng rng(5), noise(6);
  nn::Sequential model;
  model.add<nn::Linear>("first", 3, 5, rng);
  model.add<nn::Linear>("third", 4, 2, rng);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.5, .momentum = 0.9});
  mean(square(model.parameters().at("first.weight"))).backward();
  optimizer.step();
  const auto bits = bits_of(model), state = bits_of(optimizer.state());
  const std::uint64_t position = rng.position();

  const std::string message = message_of<CheckpointError>([&] {
    load_checkpoint(
        folder / "run.h5",
        {.model = &model, .optimizer = &optimizer, .rng = &rng, .rngs = {{"noise", &noise}}});
  });
  EXPECT_THAT(message,
              AllOf(HasSubstr("load_checkpoint: " + (folder / "run.h5") + " does not fit"),
                    HasSubstr("different: first.weight is [4, 3] f32, expected [5, 3] f32"),
                    HasSubstr("missing: third.weight [2, 4] f32"),
                    HasSubstr("unexpected: norm.running_mean [4] f32"),
                    HasSubstr("missing: optimizer first.weight/momentum [5, 3] f32"),
                    HasSubstr("unexpected: optimizer first.weight/first_moment [4, 3] f32"),
                    HasSubstr("missing: random stream noise"), HasSubstr("checkpoint_test.cpp")));
  EXPECT_EQ(bits_of(model), bits);
  EXPECT_EQ(bits_of(optimizer.state()), state);
  EXPECT_EQ(rng.position(), position);
}

TEST(Checkpoint, NothingChangesWhenOnlyTheOptimizerDoesNotFit) {
  const TemporaryFolder folder;
  RunWith<optim::SGD, optim::SGDOptions> run(1, {.momentum = 0.9}), other(2, {});
  run.train(1);
  run.save(folder / "run.h5");
  const auto bits = bits_of(other.model);
  EXPECT_THAT(message_of<CheckpointError>([&] { other.resume(folder / "run.h5"); }),
              AllOf(HasSubstr("does not fit: 6 unexpected"),
                    HasSubstr("unexpected: optimizer second.bias/momentum [2] f32")));
  EXPECT_EQ(bits_of(other.model), bits);

  save_checkpoint(folder / "model.h5", {.model = &run.model});
  EXPECT_THAT(message_of<CheckpointError>([&] { other.resume(folder / "model.h5"); }),
              AllOf(HasSubstr("missing: optimizer step [] i64"),
                    HasSubstr("missing: optimizer learning_rate [1] f64"),
                    HasSubstr("missing: random stream rng")));
  EXPECT_EQ(bits_of(other.model), bits);
}

TEST(Checkpoint, IsNotAWeightsFile) {
  const TemporaryFolder folder;
  save_weights(Zoo(1), folder / "zoo.h5");
  EXPECT_THAT(message_of<CheckpointError>([&] { load_checkpoint(folder / "zoo.h5"); }),
              AllOf(HasSubstr("zoo.h5 holds weights alone and is no checkpoint"),
                    HasSubstr("load_weights")));
}

TEST(Checkpoint, ChecksNamesAndStreams) {
  const TemporaryFolder folder;
  const auto message = [&](const CheckpointContents& contents) {
    const std::string text =
        message_of<CheckpointError>([&] { save_checkpoint(folder / "run.h5", contents); });
    EXPECT_TRUE(files_in(folder.path()).empty());
    return text;
  };
  Rng rng(1);
  EXPECT_THAT(message({.rng = &rng, .rngs = {{"rng", &rng}}}),
              HasSubstr("two random streams are named rng"));
  EXPECT_THAT(message({.rngs = {{"noise", nullptr}}}),
              HasSubstr("the random stream noise is null"));
  for (const char* name : {"", ".", "a/b"})
    EXPECT_THAT(message({.rngs = {{name, &rng}}}),
                AllOf(HasSubstr("cannot write " + (folder / "run.h5")),
                      HasSubstr("cannot be a name"), HasSubstr("checkpoint_test.cpp")));
  EXPECT_THAT(message({.metadata = {{"", 1}}}), HasSubstr("a name of metadata is empty"));
  EXPECT_THAT(message({.metadata = {{"x", std::string("a\0b", 3)}}}),
              HasSubstr("the text of metadata x has a zero byte"));
}

TEST(Checkpoint, OptimizersMayHaveUsersNames) {
  const TemporaryFolder folder;
  Tensor x = Tensor::ones({2}).set_requires_grad();
  const auto save = [&](const std::string& name) {
    optim::SGD optimizer({{name, x}}, {.momentum = 0.9});
    sum(x).backward();
    optimizer.step();
    save_checkpoint(folder / "run.h5", {.optimizer = &optimizer});
    optim::SGD other({{name, x}}, {.momentum = 0.9});
    load_checkpoint(folder / "run.h5", {.optimizer = &other});
    EXPECT_EQ(bits_of(other.state()), bits_of(optimizer.state()));
  };
  save("step");
  save("learning_rate");
  save("a.b.c.d");
  for (const char* name : {"a..b", ".a", "a."})
    EXPECT_THAT(message_of<CheckpointError>([&] { save(name); }),
                HasSubstr("names are parts joined by dots"));
}

TEST(MetadataValue, SaysWhatItIs) {
  const MetadataValue text = "abc", integer = 3, real = 0.5;
  EXPECT_THAT(
      message_of<Error>([&] { text.number(); }),
      AllOf(HasSubstr("this is the text \"abc\", not a number"), HasSubstr("checkpoint_test.cpp")));
  EXPECT_THAT(message_of<Error>([&] { integer.text(); }),
              HasSubstr("this is the integer 3, not a text"));
  EXPECT_THAT(message_of<Error>([&] { real.integer(); }),
              HasSubstr("this is the number 0.5, not an integer"));
}

}  // namespace
}  // namespace tenon
