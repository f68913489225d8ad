#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../support/close.h"
#include "../support/layouts.h"
#include "tenon/core/random.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/shape.h"
#include "tenon/train/metrics.h"
#include "train/metrics_support.h"

namespace tenon {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(RunningSum, KeepsWhatRoundingLoses) {
  metrics::RunningSum sum;
  sum.add(1e16);
  for (int i = 0; i < 1000; ++i) sum.add(1);
  sum.add(-1e16);
  EXPECT_EQ(sum.value(), 1000);
  sum.add(kInfinity);
  sum.add(1);
  EXPECT_EQ(sum.value(), kInfinity);
  sum.add(-kInfinity);
  EXPECT_TRUE(std::isnan(sum.value()));
}

TEST(MeanSquaredError, OfHandComputedNumbers) {
  metrics::MeanSquaredError mse;
  metrics::MeanAbsoluteError mae;
  EXPECT_EQ(mse.name(), "mse");
  EXPECT_EQ(mae.name(), "mae");
  EXPECT_TRUE(std::isnan(mse.value()));
  // f32 outputs with f64 targets: the differences are exact in f64.
  const Tensor outputs = vector_of({1, 2, -4}, Dtype::f32), targets = vector_of({0.5, 2, -1});
  for (metrics::Metric* metric :
       {static_cast<metrics::Metric*>(&mse), static_cast<metrics::Metric*>(&mae)}) {
    metric->update(outputs, targets);
    metric->update(Tensor::zeros({0, 4}), Tensor::zeros({0, 4}));
    metric->update(Tensor::from(2.0f), Tensor::from(0.0f));
  }
  EXPECT_EQ(mse.value(), 13.25 / 4);
  EXPECT_EQ(mae.value(), 5.5 / 4);
  mse.reset();
  EXPECT_TRUE(std::isnan(mse.value()));
  mse.update(outputs, targets);
  EXPECT_EQ(mse.value(), 9.25 / 3);
}

TEST(MeanSquaredError, OfManySamplesIsRoundedOnce) {
  // 0.1f^2 a million times: the exact sum is a product.
  metrics::MeanSquaredError mse;
  const Tensor tenth = Tensor::full({1000, 100}, 0.1), zeros = Tensor::zeros({1000, 100});
  for (int i = 0; i < 10; ++i) mse.update(tenth, zeros);
  const double square = static_cast<double>(0.1f) * static_cast<double>(0.1f);
  EXPECT_DOUBLE_EQ(mse.value(), square);
}

TEST(R2, IsOneForRightOutputsAndZeroForTheMean) {
  const Tensor targets = vector_of({1, 2, 6});
  metrics::R2 right, mean, worse;
  right.update(targets, targets);
  EXPECT_EQ(right.value(), 1);
  mean.update(vector_of({3, 3, 3}), targets);
  EXPECT_NEAR(mean.value(), 0, 1e-15);
  worse.update(vector_of({1, 2, 13}), targets);
  EXPECT_NEAR(worse.value(), 1 - 49.0 / 14, 1e-15);
  EXPECT_EQ(right.name(), "r2");
}

TEST(R2, NeedsTwoSamples) {
  metrics::R2 r2;
  EXPECT_TRUE(std::isnan(r2.value()));
  EXPECT_EQ(r2.per_output().shape(), (Shape{0}));
  r2.update(vector_of({1}), vector_of({1}));
  EXPECT_TRUE(std::isnan(r2.value()));
  r2.update(Tensor::zeros({0}), Tensor::zeros({0}));
  r2.update(vector_of({1}), vector_of({2}));
  EXPECT_EQ(r2.value(), -1);  // residual 1, squares 1/2
}

TEST(R2, OfNumbersFarFromZeroKeepsItsDigits) {
  Rng rng(3);
  const Tensor targets = Tensor::normal({500}, rng, {.dtype = Dtype::f64});
  const Tensor outputs = targets + 0.5 * Tensor::normal({500}, rng, {.dtype = Dtype::f64});
  metrics::R2 near, far;
  near.update(outputs, targets);
  far.update(outputs + 1e6, targets + 1e6);
  EXPECT_NEAR(far.value(), near.value(), 1e-9);
}

TEST(R2, OfAnyShapeIsOfEachNumberOfASample) {
  Rng rng(4);
  const Tensor targets = Tensor::normal({20, 2, 3}, rng), outputs = Tensor::normal({20, 2, 3}, rng);
  for (const auto& [layout, given] : layouts(outputs)) {
    SCOPED_TRACE(layout);
    metrics::R2 r2;
    r2.update(given, in_order(targets, Order::batch_inner));
    std::vector<double> each;
    for (std::int64_t i = 0; i < 2; ++i)
      for (std::int64_t j = 0; j < 3; ++j) {
        double mean = 0, residual = 0, squares = 0;
        const auto y = select(select(outputs, 2, j), 1, i).to_vector<double>(),
                   t = select(select(targets, 2, j), 1, i).to_vector<double>();
        for (const double value : t) mean += value / 20;
        for (std::size_t n = 0; n < t.size(); ++n) {
          residual += (t[n] - y[n]) * (t[n] - y[n]);
          squares += (t[n] - mean) * (t[n] - mean);
        }
        each.push_back(1 - residual / squares);
      }
    EXPECT_TRUE(close(r2.per_output(), each));
  }
}

TEST(Metrics, OfNumbersAreNanAfterNan) {
  metrics::MeanSquaredError mse;
  metrics::MeanAbsoluteError mae;
  metrics::R2 r2;
  for (metrics::Metric* metric :
       {static_cast<metrics::Metric*>(&mse), static_cast<metrics::Metric*>(&mae),
        static_cast<metrics::Metric*>(&r2)}) {
    SCOPED_TRACE(metric->name());
    const Tensor good = vector_of({1, 2}), constant = vector_of({1, 1});
    for (const Tensor& targets : {good, constant}) {
      metric->update(vector_of({kNan, 2}), targets);
      EXPECT_TRUE(std::isnan(metric->value()));
      metric->update(good, targets);
      EXPECT_TRUE(std::isnan(metric->value()));
      metric->reset();
      metric->update(good, targets);
      EXPECT_FALSE(std::isnan(metric->value()));
      metric->reset();
    }
  }
}

TEST(Perplexity, OfUniformLogitsIsTheNumberOfClasses) {
  metrics::Perplexity perplexity;
  EXPECT_EQ(perplexity.name(), "perplexity");
  EXPECT_TRUE(std::isnan(perplexity.value()));
  perplexity.update(Tensor::full({4, 7}, 1e4), indices({0, 1, 6, 3}));
  EXPECT_NEAR(perplexity.value(), 7, 1e-12);
}

TEST(Perplexity, OfSequencesWithPadding) {
  Rng rng(8);
  const Tensor logits = Tensor::normal({5, 4, 6}, rng) * 3.0;  // [N, C, T]
  const Tensor targets = Tensor::randint(0, 4, {5, 6}, rng);
  double sum = 0;
  int count = 0;
  const auto x = logits.to_vector<double>();
  const auto t = targets.to_vector<std::int64_t>();
  for (std::size_t n = 0; n < 5; ++n)
    for (std::size_t s = 0; s < 6; ++s) {
      const auto label = static_cast<std::size_t>(t[n * 6 + s]);
      if (label == 2) continue;
      double all = 0;
      for (std::size_t c = 0; c < 4; ++c) all += std::exp(x[(n * 4 + c) * 6 + s]);
      sum += std::log(all) - x[(n * 4 + label) * 6 + s];
      ++count;
    }
  for (const auto& [layout, given] : layouts(logits)) {
    for (const auto& cut : cuts(5, {2, 1, 2})) {
      SCOPED_TRACE(layout + " " + testing::PrintToString(cut));
      metrics::Perplexity perplexity({.ignore_index = 2});
      feed(perplexity, given, targets, cut);
      EXPECT_NEAR(perplexity.value(), std::exp(sum / count), 1e-12 * std::exp(sum / count));
    }
  }
  metrics::Perplexity none({.ignore_index = 1});
  none.update(Tensor::zeros({2, 3}), indices({1, 1}));
  EXPECT_TRUE(std::isnan(none.value()));
}

TEST(Perplexity, OfImpossibleTargetsIsInfiniteAndOfNanNan) {
  metrics::Perplexity perplexity;
  perplexity.update(Tensor::from({0.0, -kInfinity}, {1, 2}), indices({1}));
  EXPECT_EQ(perplexity.value(), kInfinity);
  perplexity.reset();
  perplexity.update(Tensor::from({0.0, kNan}, {1, 2}), indices({0}));
  EXPECT_TRUE(std::isnan(perplexity.value()));
}

}  // namespace
}  // namespace tenon
