#include "tenon/train/loss.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/ops/ops.h"
#include "tenon/train/shards.h"
#include "train/sharded.h"

namespace tenon {
namespace {

Tensor rows_of(const Tensor& x, std::int64_t first, std::int64_t end) {
  return slice(x, 0, {.start = first, .stop = end});
}

/// The mean of the whole, put together from uneven parts as a Trainer does it.
template <class L>
double mean_of_parts(const L& loss, const Tensor& outputs, const Tensor& targets) {
  Loss erased(loss);
  EXPECT_TRUE(erased.adds_up());
  LossTotal total;
  const std::int64_t samples = outputs.shape()[0];
  for (std::int64_t first = 0, size = 1; first < samples; first += size, ++size) {
    const std::int64_t end = std::min(first + size, samples);
    const LossSum part = erased(rows_of(outputs, first, end), rows_of(targets, first, end));
    total += {part.sum.item<double>(), part.weight};
  }
  return total.mean();
}

TEST(Loss, PartsAddUpToTheMeanOfTheWhole) {
  Rng rng(1);
  const Tensor x = Tensor::normal({17, 5}, rng, {.dtype = Dtype::f64});
  const Tensor y = Tensor::normal({17, 5}, rng, {.dtype = Dtype::f64});
  Tensor classes = Tensor::randint(0, 5, {17}, rng);
  const Tensor weight = Tensor::uniform({5}, rng, {.low = 0.5, .high = 2, .dtype = Dtype::f64});
  const auto mean = [](const Tensor& loss) { return loss.item<double>(); };

  EXPECT_NEAR(mean_of_parts(losses::CrossEntropy(), x, classes), mean(cross_entropy(x, classes)),
              1e-12);
  CrossEntropyOptions options{.label_smoothing = 0.1, .weight = weight, .ignore_index = 2};
  EXPECT_NEAR(mean_of_parts(losses::CrossEntropy(options), x, classes),
              mean(cross_entropy(x, classes, options)), 1e-12);
  EXPECT_NEAR(mean_of_parts(losses::CrossEntropy(), x, softmax(y, 1)),
              mean(cross_entropy(x, softmax(y, 1))), 1e-12);
  EXPECT_NEAR(mean_of_parts(losses::NegativeLogLikelihood({.weight = weight, .ignore_index = 1}),
                            log_softmax(x, 1), classes),
              mean(nll_loss(log_softmax(x, 1), classes, {.weight = weight, .ignore_index = 1})),
              1e-12);
  EXPECT_NEAR(mean_of_parts(losses::MeanSquaredError(), x, y), mean(mse_loss(x, y)), 1e-12);
  EXPECT_NEAR(mean_of_parts(losses::MeanAbsoluteError(), x, y), mean(l1_loss(x, y)), 1e-12);
  EXPECT_NEAR(mean_of_parts(losses::BinaryCrossEntropy({.pos_weight = weight}), x, sigmoid(y)),
              mean(binary_cross_entropy_with_logits(x, sigmoid(y), {.pos_weight = weight})), 1e-12);
}

TEST(Loss, ReductionCountsNothing) {
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 5.0}, {2, 2}), t = Tensor::from({0, 1}, {2});
  const LossSum loss = losses::CrossEntropy({.reduction = Reduction::none})(x, t);
  EXPECT_EQ(loss.sum.numel(), 1);
  EXPECT_EQ(loss.weight, 2);
}

TEST(Loss, AFunctionOfTheBatchIsWeighedByItsSamples) {
  Loss loss([](const Tensor& y, const Tensor& t) { return mean(square(y - t)); });
  EXPECT_FALSE(loss.adds_up());
  const LossSum part = loss(Tensor::full({4, 3}, 2.0), Tensor::full({4, 3}, 5.0));
  EXPECT_EQ(part.weight, 4);
  EXPECT_DOUBLE_EQ(part.sum.item<double>(), 4 * 9.0);
}

TEST_F(Shards, LossesWithWeightsDivideByTheTotalWeight) {
  Weight model;
  const data::Batch batch{numbers(5), numbers(5)};
  const auto loss = [&](const data::Batch& shard) -> LossSum {
    return {sum(model(shard.inputs)), sum(shard.targets).item<double>()};
  };
  const LossTotal total = backward_in_shards(batch, model.parameters(), loss, {.shard_size = 2});
  EXPECT_EQ(total.sum, 30);
  EXPECT_EQ(total.weight, 15);
  EXPECT_EQ(total.mean(), 2);
  EXPECT_EQ(model.w.grad().item<float>(), 1);  // 15 / 15

  model.zero_grad();
  backward_in_shards(batch, model.parameters(), loss, {.shard_size = 2, .divisor = 1});
  EXPECT_EQ(model.w.grad().item<float>(), 15);
}

TEST_F(Shards, WeightsThatSumToZeroCannotDivide) {
  Weight model;
  const data::Batch batch{numbers(3), {}};
  try {
    backward_in_shards(batch, model.parameters(), [&](const data::Batch& shard) -> LossSum {
      return {sum(model(shard.inputs)), 0};
    });
    ADD_FAILURE() << "no error";
  } catch (const DataError& error) {
    expect_says(error.what(), "the weights of the losses sum to 0 but must be above 0");
    expect_says(error.what(), "loss_test.cpp:");
  }
  EXPECT_FALSE(model.w.grad().defined());
}

}  // namespace
}  // namespace tenon
