#include "tenon/train/run_recorder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "support/close.h"
#include "support/temporary_folder.h"
#include "tenon/io/checkpoint.h"
#include "tenon/optim/adam.h"
#include "tenon/optim/sgd.h"
#include "tenon/train/trainer.h"
#include "train/trained.h"

namespace tenon {
namespace {

using State = std::map<std::string, Tensor>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// y = sum(weight * x), so that the gradient of the weight is x; "unused" has none.
class Product : public nn::Module {
 public:
  explicit Product(const std::vector<float>& weight) {
    weight_ = &register_parameter(
        "weight", Tensor::from(weight, {1, static_cast<std::int64_t>(weight.size())}));
    register_parameter("unused", Tensor::from({7.0f, 7.0f, 7.0f}, {3}));
  }
  Tensor forward(const Tensor& x) override { return sum(*weight_ * x); }

 private:
  Tensor* weight_;
};

/// The recorder's state after an epoch with one sample a batch and a learning rate of 1.
State recorded(const std::vector<float>& weight, const std::vector<std::vector<float>>& samples) {
  const auto size = static_cast<std::int64_t>(weight.size());
  std::vector<float> values;
  for (const std::vector<float>& sample : samples)
    values.insert(values.end(), sample.begin(), sample.end());
  const auto count = static_cast<std::int64_t>(samples.size());
  const data::TensorDataset set(Tensor::from(values, {count, size}), Tensor::zeros({count}));
  Product model(weight);
  optim::SGD sgd(model.parameters(), {.learning_rate = 1});
  Trainer trainer(model, [](const Tensor& y, const Tensor&) { return y; }, sgd,
                  {.epochs = 1, .quiet = true});
  const auto& recorder = trainer.add<RunRecorder>();
  trainer.fit(data::Loader(set, {.batch_size = 1}));
  return recorder.state();
}

/// 32 counts, all 0 but for these.
std::vector<std::int64_t> counts(const std::map<std::size_t, std::int64_t>& filled) {
  std::vector<std::int64_t> all(RunRecorder::kBins);
  for (const auto& [bin, count] : filled) all[bin] = count;
  return all;
}

void expect_histogram(const State& state, const std::string& name, double low, double high,
                      const std::map<std::size_t, std::int64_t>& filled) {
  EXPECT_TRUE(close(state.at(name + "/range"), std::vector<double>{low, high})) << name;
  EXPECT_EQ(state.at(name + "/counts").shape(), (Shape{1, 32}));
  EXPECT_EQ(state.at(name + "/counts").to_vector<std::int64_t>(), counts(filled)) << name;
}

TEST(RunRecorder, CountsParametersAtTheEndAndTheGradientOfTheLastBatch) {
  // Two steps leave {0, 1, 1.5, 31.5, 32}: parts of width 1 of [0, 32]. The gradient of the second
  // sample, {-8, 8, 7.5, -7.75, 0}, lies in parts of width 1/2 of [-8, 8].
  const State state = recorded({-7, 10, 9.5f, 24.25f, 32}, {{1, 1, 0.5f, 0.5f, 0},  //
                                                            {-8, 8, 7.5f, -7.75f, 0}});
  expect_histogram(state, "parameters/weight", 0, 32, {{0, 1}, {1, 2}, {31, 2}});
  expect_histogram(state, "gradients/weight", -8, 8, {{0, 2}, {16, 1}, {31, 2}});
}

TEST(RunRecorder, LeavesOutWhatIsNotFiniteAndTakesEqualValues) {
  const State state = recorded({0, 0, 0, 0}, {{kNan, -kInfinity, -4, 4}});
  expect_histogram(state, "gradients/weight", -4, 4, {{0, 1}, {31, 1}});
  expect_histogram(state, "parameters/weight", -4, 4, {{0, 1}, {31, 1}});
  expect_histogram(state, "parameters/unused", 7, 7, {{0, 3}});
  expect_histogram(state, "gradients/unused", kNan, kNan, {});
  expect_histogram(recorded({0}, {{kInfinity}}), "gradients/weight", kNan, kNan, {});
}

/// Samples that take 0.2 s to read.
class Slow : public data::DatasetSource {
 public:
  std::int64_t size() const override { return 1; }
  data::Batch read(const std::vector<std::int64_t>&) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return samples(1, 1).read({0});
  }
};

TEST_F(Training, RunRecorderTimesTheTrainingApartFromTheValidation) {
  const data::Dataset slow = data::Dataset::make<Slow>();
  for (const bool trains_slowly : {false, true}) {
    Net model(1);
    optim::SGD sgd(model.parameters(), {.learning_rate = 0});
    Trainer trainer(model, losses::CrossEntropy(), sgd, {.epochs = 1, .quiet = true});
    const auto& recorder = trainer.add<RunRecorder>();
    const data::Dataset fast = samples(50, 1);
    trainer.fit(data::Loader(trains_slowly ? slow : fast, {.batch_size = 10}),
                trains_slowly ? fast : slow);
    const auto seconds = recorder.state().at("seconds").item<double>();
    const auto rate = recorder.state().at("samples_per_second").item<double>();
    EXPECT_EQ(seconds >= 0.2, trains_slowly) << seconds;
    EXPECT_DOUBLE_EQ(rate * seconds, trains_slowly ? 1 : 50);
  }
}

/// Stops a run after some batches.
class StopAfter : public Callback {
 public:
  explicit StopAfter(std::int64_t steps) : steps_(steps) {}
  void on_batch_end(Trainer& trainer) override {
    if (trainer.position().step == steps_) trainer.stop("enough");
  }

 private:
  std::int64_t steps_;
};

TEST_F(Training, RunRecorderGoesOnWithAResumedRun) {
  const TemporaryFolder folder;
  const auto run = [&](std::int64_t steps, bool resume) {
    Net model(1);
    optim::Adam adam(model.parameters(), {.learning_rate = 0.01});
    Trainer trainer(model, losses::CrossEntropy(), adam, {.epochs = 3, .quiet = true});
    const auto& recorder = trainer.add<RunRecorder>();
    trainer.add<StopAfter>(steps);
    if (resume) trainer.resume(folder / "run.h5");
    trainer.fit(data::Loader(samples(50, 2), {.batch_size = 10, .shuffle = true, .seed = 5}));
    trainer.save(folder / "run.h5");
    return recorder.state();
  };
  const State straight = run(-1, false);
  const State half = run(7, false);  // within the second epoch, of 5 batches
  const State whole = run(-1, true);
  ASSERT_EQ(half.at("seconds").shape(), Shape{1});
  ASSERT_EQ(whole.size(), straight.size());
  for (const auto& [name, tensor] : straight) {
    if (name.find("second") != std::string::npos) continue;
    EXPECT_TRUE(close(whole.at(name), tensor, {0, 0})) << name;
  }
  EXPECT_EQ(whole.at("seconds")[0].item<double>(), half.at("seconds")[0].item<double>());
  EXPECT_GT(whole.at("seconds")[1].item<double>(), half.at("epoch_seconds").item<double>());
  const State saved = load_checkpoint(folder / "run.h5").state;
  EXPECT_TRUE(close(saved.at("callbacks/RunRecorder/gradients/head.bias/counts"),
                    whole.at("gradients/head.bias/counts"), {0, 0}));
}

TEST_F(Training, RunRecorderSaysWhatDoesNotFit) {
  RunRecorder recorder;
  EXPECT_EQ(first_line<CheckpointError>([&] { recorder.load_state({}); }),
            "RunRecorder::load_state: the state does not fit the callback: 3 missing.");
  State state = recorded({1, 2}, {{3, 4}});
  state["gradients/weight/counts"] = Tensor::zeros({1, 31}, {.dtype = Dtype::i64});
  EXPECT_EQ(first_line<CheckpointError>([&] { recorder.load_state(state); }),
            "RunRecorder::load_state: the state does not fit the callback: 1 of another shape or "
            "dtype.");

  Net model(1);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0});
  Trainer trainer(model, losses::CrossEntropy(), sgd, {.quiet = true});
  recorder.load_state(recorded({1, 2}, {{3, 4}}));
  EXPECT_TRUE(first_line<CheckpointError>([&] {
                recorder.on_fit_begin(trainer);
              }).starts_with("RunRecorder: the state does not fit the model: 16 missing, 8 "));
}

}  // namespace
}  // namespace tenon
