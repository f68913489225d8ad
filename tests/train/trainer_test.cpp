#include "tenon/train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "models/lenet5.h"
#include "models/mlp.h"
#include "support/close.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/data/data.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/ops.h"
#include "tenon/optim/optim.h"
#include "tenon/train/classification_metrics.h"
#include "train/trained.h"

namespace tenon {
namespace {

TEST_F(Training, WholeBatchesAreThoseOfAHandWrittenLoop) {
  Net model(1), by_hand(1);
  const data::TensorDataset set = samples(37, 2);
  const data::Loader loader(set, {.batch_size = 8, .shuffle = true, .seed = 3});
  optim::Adam optimizer(model.parameters(), {.learning_rate = 0.01});
  Trainer trainer(model, losses::CrossEntropy(), optimizer,
                  {.epochs = 3, .shard_size = 0, .quiet = true});
  trainer.fit(loader);

  optim::Adam adam(by_hand.parameters(), {.learning_rate = 0.01});
  std::vector<double> losses_by_hand;
  for (int epoch = 0; epoch < 3; ++epoch) {
    double sum = 0;
    for (const data::Batch& batch : loader.epoch(epoch)) {
      by_hand.zero_grad();
      const Tensor loss = cross_entropy(by_hand(batch.inputs), batch.targets);
      loss.backward();
      adam.step();
      sum += loss.item<double>() * static_cast<double>(batch.size());
    }
    losses_by_hand.push_back(sum / 37);
  }
  for (std::size_t i = 0; i < model.parameters().size(); ++i)
    EXPECT_TRUE(close(model.parameters()[i].tensor, by_hand.parameters()[i].tensor,
                      {.relative = 1e-4, .absolute = 1e-5}));
  ASSERT_EQ(trainer.history().size(), 3U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(trainer.history()[i].at("loss"), losses_by_hand[i], 1e-5);
  EXPECT_EQ(trainer.position().step, 15);
}

TEST_F(Training, ShardsAreThoseOfBackwardInShards) {
  Net model(1), by_hand(1);
  const data::TensorDataset set = samples(64, 2);
  const data::Loader loader(set, {.batch_size = 32});
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  Trainer trainer(model, losses::CrossEntropy(), optimizer,
                  {.epochs = 2, .shard_size = 16, .quiet = true});
  trainer.fit(loader);

  optim::SGD sgd(by_hand.parameters(), {.learning_rate = 0.1});
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const data::Batch& batch : loader.epoch(epoch)) {
      by_hand.zero_grad();
      backward_in_shards(batch, by_hand.parameters(), [&](const data::Batch& shard) {
        return cross_entropy(by_hand(shard.inputs), shard.targets, {.reduction = Reduction::sum});
      });
      sgd.step();
    }
  // 32 is a power of two: dividing sums by it or seeds by it gives the same bits.
  expect_same_bits(model, by_hand);
}

TEST_F(Training, SeveralBatchesMakeOneStep) {
  // Ignored targets: the batches of a step have different weights, and their mean is weighed by
  // them.
  for (const std::int64_t shard_size : {0, 4}) {
    Net model(1), at_once(1);
    const data::TensorDataset set = samples(30, 2);
    const losses::CrossEntropy loss({.ignore_index = 2});
    optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
    optim::SGD sgd_at_once(at_once.parameters(), {.learning_rate = 0.1});
    Trainer trainer(model, loss, sgd,
                    {.epochs = 1, .shard_size = shard_size, .batches_per_step = 3, .quiet = true});
    trainer.fit(data::Loader(set, {.batch_size = 4}));
    Trainer wide(at_once, loss, sgd_at_once, {.epochs = 1, .shard_size = 0, .quiet = true});
    wide.fit(data::Loader(set, {.batch_size = 12}));
    EXPECT_EQ(trainer.position().step, 3);  // 4 + 4 + 4, 4 + 4 + 4, 4 + 2
    EXPECT_EQ(wide.position().step, 3);
    for (std::size_t i = 0; i < model.parameters().size(); ++i)
      EXPECT_TRUE(close(model.parameters()[i].tensor, at_once.parameters()[i].tensor,
                        {.relative = 1e-4, .absolute = 1e-6}));
  }
}

TEST_F(Training, SaysHowItCutsBatchesAndWhy) {
  const auto said = [&](nn::Module& model, const data::Dataset& set, Loss loss) {
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.01});
    Trainer trainer(model, std::move(loss), optimizer, {.epochs = 1});
    testing::internal::CaptureStdout();
    trainer.fit(data::Loader(set, {.batch_size = 32}));
    return testing::internal::GetCapturedStdout();
  };
  Rng rng(1);
  models::LeNet5 lenet(rng);
  const data::TensorDataset digits(Tensor::normal({32, 1, 28, 28}, rng),
                                   Tensor::randint(0, 10, {32}, rng));
  const std::string shards = said(lenet, digits, losses::CrossEntropy());
  EXPECT_TRUE(
      shards.starts_with("shards of 16 samples, since a set of gradients (174 KB) is "
                         "smaller than what 16 samples keep for the backward pass ("))
      << shards;

  nn::Linear wide(784, 512, rng);
  const data::TensorDataset rows(Tensor::normal({32, 784}, rng), Tensor::normal({32, 512}, rng));
  const std::string whole = said(wide, rows, losses::MeanSquaredError());
  EXPECT_TRUE(
      whole.starts_with("whole batches, since a set of gradients (1570 KB) is not smaller "
                        "than what 16 samples keep"))
      << whole;

  Net normalised(1, true);
  EXPECT_EQ(said(normalised, samples(32, 1), losses::CrossEntropy()),
            "whole batches, since norm couples the samples of a batch\n");

  Net net(1);
  EXPECT_EQ(said(net, samples(32, 1),
                 [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); }),
            "whole batches, since the loss is one of the batch, not a sum over samples\n");
}

TEST_F(Training, ASmallOrUnrecordedFirstBatchDoesNotChangeTheChoice) {
  Rng rng(1);
  models::LeNet5 model(rng);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0});
  const Tensor image = Tensor::normal({1, 1, 28, 28}, rng);
  for (const bool recorded : {true, false}) {
    Trainer trainer(model, losses::CrossEntropy(), optimizer, {});
    testing::internal::CaptureStdout();
    if (recorded) {
      trainer.predict(image);
    } else {
      const NoGradGuard no_grad;
      trainer.predict(image);
    }
    EXPECT_EQ(testing::internal::GetCapturedStdout().substr(0, 20),
              recorded ? "shards of 16 samples" : "");
  }
}

TEST_F(Training, ChoosingShardsLeavesTheModelAsItWas) {
  Net model(1, false, 0.5);
  const data::TensorDataset set = samples(16, 1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0});
  Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 0, .quiet = true});
  const Tensor calls = model.buffers()[0].tensor.clone();
  trainer.evaluate(set);
  EXPECT_TRUE(close(model.buffers()[0].tensor, calls, {0, 0}));
  EXPECT_TRUE(model.is_training());
}

TEST_F(Training, EvaluationWeighsUnevenBatchesAndKeepsTheMode) {
  Net model(1, false, 0.5);
  const data::TensorDataset set = samples(700, 2);  // 512 + 188
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  for (const std::int64_t shard_size : {0, 16}) {
    Trainer trainer(model, losses::CrossEntropy(), optimizer,
                    {.shard_size = shard_size, .quiet = true});
    trainer.add<metrics::Accuracy>();
    const Logs logs = trainer.evaluate(set);
    model.set_training(false);
    const NoGradGuard no_grad;
    const data::Batch all = everything(set);
    const Tensor logits = model(all.inputs);
    EXPECT_NEAR(logs.at("loss"), cross_entropy(logits, all.targets).item<double>(), 1e-5);
    EXPECT_DOUBLE_EQ(logs.at("accuracy"),
                     sum(equal(argmax(logits, 1), all.targets)).item<double>() / 700);
    EXPECT_TRUE(close(trainer.predict(set), logits, {.relative = 1e-5, .absolute = 1e-6}));
    EXPECT_TRUE(close(trainer.predict(all.inputs), logits, {.relative = 1e-5, .absolute = 1e-6}));
    model.set_training(true);
  }
}

TEST_F(Training, TrainingMetricsSurviveAnEvaluationBetween) {
  class EvaluateInBetween : public Callback {
   public:
    explicit EvaluateInBetween(const data::Dataset& set) : set_(set) {}
    void on_batch_end(Trainer& trainer) override { trainer.evaluate(set_); }

   private:
    data::Dataset set_;
  };
  const auto accuracies = [&](bool between) {
    Net model(1);
    const data::TensorDataset set = samples(40, 2);
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
    Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 2, .quiet = true});
    trainer.add<metrics::Accuracy>();
    if (between) trainer.add<EvaluateInBetween>(samples(9, 3));
    trainer.fit(data::Loader(set, {.batch_size = 16}));
    return std::vector<double>{trainer.history()[0].at("accuracy"),
                               trainer.history()[1].at("accuracy")};
  };
  EXPECT_EQ(accuracies(true), accuracies(false));
}

TEST_F(Training, ClipsAndFollowsTheSchedule) {
  const data::TensorDataset set = samples(8, 2);
  const auto moved = [&](TrainerOptions options) {
    Net model(1), start(1);
    optim::SGD optimizer(model.parameters(), {.learning_rate = 7});
    options.quiet = true;
    options.schedule = [](std::int64_t step) { return step == 0 ? 1.0 : 0.0; };
    Trainer trainer(model, losses::CrossEntropy(), optimizer, options);
    trainer.fit(data::Loader(set, {.batch_size = 8}));
    EXPECT_EQ(trainer.history()[0].at("learning_rate"), 1);
    double squares = 0;
    for (std::size_t i = 0; i < model.parameters().size(); ++i)
      squares +=
          sum(square(model.parameters()[i].tensor.detach() - start.parameters()[i].tensor.detach()))
              .item<double>();
    return std::sqrt(squares);
  };
  EXPECT_GT(moved({}), 0.1);
  EXPECT_NEAR(moved({.max_gradient_norm = 0.01}), 0.01, 1e-5);
  // Each of the 235 elements is clipped.
  EXPECT_NEAR(moved({.max_gradient_value = 1e-4}), std::sqrt(235) * 1e-4, 1e-6);
}

TEST_F(Training, AveragesTheWeightsAndEvaluatesTheAverage) {
  Net model(1), averaged(1);
  const data::TensorDataset set = samples(24, 2);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.5});
  Trainer trainer(model, losses::CrossEntropy(), sgd,
                  {.epochs = 1, .average_decay = 0.75, .quiet = true});
  EXPECT_EQ(first_line<Error>([&] { trainer.apply_average(); }),
            "Trainer::apply_average: there is no average of the parameters.");
  class Follows : public Callback {
   public:
    explicit Follows(Net& average) : average_(average) {}
    void on_batch_end(Trainer& trainer) override {
      const NoGradGuard no_grad;
      const double decay = trainer.position().step == 1 ? 0 : 0.75;
      for (std::size_t i = 0; i < average_.parameters().size(); ++i) {
        Tensor a = average_.parameters()[i].tensor;
        const std::vector<double> w = trainer.model().parameters()[i].tensor.to_vector<double>();
        std::vector<double> next = a.to_vector<double>();
        for (std::size_t k = 0; k < w.size(); ++k) next[k] = decay * next[k] + (1 - decay) * w[k];
        a.copy_from(Tensor::from(next, a.shape(), Dtype::f32));
      }
    }

   private:
    Net& average_;
  };
  trainer.add<Follows>(averaged);
  trainer.fit(data::Loader(set, {.batch_size = 8}));

  const data::Batch all = everything(set);
  const NoGradGuard no_grad;
  const Tensor raw = model(all.inputs);
  EXPECT_TRUE(close(trainer.predict(all.inputs), averaged(all.inputs),
                    {.relative = 1e-4, .absolute = 1e-5}));
  EXPECT_NEAR(trainer.evaluate(set).at("loss"),
              cross_entropy(averaged(all.inputs), all.targets).item<double>(), 1e-5);
  EXPECT_TRUE(close(model(all.inputs), raw, {0, 0}));  // its own weights are back
  trainer.apply_average();
  EXPECT_TRUE(close(model(all.inputs), averaged(all.inputs), {.relative = 1e-4, .absolute = 1e-5}));
}

TEST_F(Training, AUsersOwnBackwardAndForwardReplaceTheBuiltInOnes) {
  Net model(1);
  const data::TensorDataset set = samples(20, 2);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 1, .quiet = true});
  int forwards = 0, backwards = 0;
  trainer.set_forward([&](const Tensor& x) { return ++forwards, model(x * 0.5); });
  trainer.set_backward([&](const data::Batch& batch) {
    ++backwards;
    return trainer.backward(batch);
  });
  set_num_threads(1);
  trainer.fit(data::Loader(set, {.batch_size = 10}));
  EXPECT_EQ(backwards, 2);
  EXPECT_GE(forwards, 2);
  EXPECT_EQ(trainer.position().step, 2);
}

TEST_F(Training, CallbacksRunInTheOrderInWhichTheyWereAdded) {
  std::string events;
  class Writes : public Callback {
   public:
    Writes(std::string name, std::string& events) : name_(std::move(name)), events_(events) {}
    void on_fit_begin(Trainer&) override { events_ += name_ + "( "; }
    void on_epoch_begin(Trainer&) override { events_ += name_ + "[ "; }
    void on_batch_end(Trainer&) override { events_ += name_ + ". "; }
    void on_epoch_end(Trainer& trainer, const Logs& logs) override {
      EXPECT_EQ(logs.at("loss"), trainer.history().back().at("loss"));
      EXPECT_TRUE(logs.contains("validation_loss"));
      events_ += name_ + "] ";
    }
    void on_checkpoint(Trainer&) override { events_ += name_ + "! "; }
    void on_fit_end(Trainer&) override { events_ += name_ + ") "; }

   private:
    std::string name_;
    std::string& events_;
  };
  Net model(1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 1, .quiet = true});
  trainer.add<Writes>("a", events);
  trainer.add<Writes>("b", events);
  trainer.fit(data::Loader(samples(20, 2), {.batch_size = 10}), samples(5, 3));
  EXPECT_EQ(events, "a( b( a[ b[ a. b. a! b! a. b. a] b] a! b! a) b) ");
}

}  // namespace
}  // namespace tenon
