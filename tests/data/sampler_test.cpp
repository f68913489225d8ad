#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/data/loader.h"
#include "tenon/data/tensor_dataset.h"

namespace tenon {
namespace {

using data::Batch;
using data::Loader;
using data::LoaderOptions;
using testing::AllOf;
using testing::HasSubstr;

data::TensorDataset numbers(std::int64_t count) {
  return data::TensorDataset(Tensor::arange(count));
}

std::vector<std::int64_t> drawn(const Loader& loader, std::int64_t epoch) {
  std::vector<std::int64_t> all;
  for (const Batch& batch : loader.epoch(epoch))
    for (const std::int64_t x : batch.inputs.to_vector<std::int64_t>()) all.push_back(x);
  return all;
}

TEST(WeightedSampling, DrawsInProportion) {
  const std::vector<double> weights{1, 0, 2, 0.5, 0, 4, 2.5, 0};
  constexpr std::int64_t kDraws = 20000;
  const Loader loader(numbers(8),
                      {.batch_size = 128, .seed = 11, .weights = weights, .samples = kDraws});
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    std::map<std::int64_t, int> counts;
    for (const std::int64_t x : drawn(loader, epoch)) ++counts[x];
    double chi_square = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double expected = kDraws * weights[i] / 10;
      const double count = counts[static_cast<std::int64_t>(i)];
      if (weights[i] == 0)
        EXPECT_EQ(count, 0) << i;
      else
        chi_square += (count - expected) * (count - expected) / expected;
    }
    EXPECT_LT(chi_square, 23.5);  // 4 degrees of freedom: above that once in 10,000
    EXPECT_GT(chi_square, 0.05);  // below that once in 3,000: the counts are random
  }
}

TEST(WeightedSampling, DrawsAreIndependent) {
  const Loader loader(numbers(3), {.batch_size = 64, .weights = {1, 1, 1}, .samples = 9000});
  const std::vector<std::int64_t> all = drawn(loader, 0);
  std::map<std::int64_t, int> pairs;
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) ++pairs[3 * all[i] + all[i + 1]];
  double chi_square = 0;
  for (std::int64_t pair = 0; pair < 9; ++pair)
    chi_square += (pairs[pair] - 500.0) * (pairs[pair] - 500.0) / 500;
  EXPECT_LT(chi_square, 31.8);  // 8 degrees of freedom: above that once in 10,000
}

TEST(WeightedSampling, DependsOnSeedAndEpochAlone) {
  const auto order = [](std::uint64_t seed, std::int64_t epoch, std::int64_t batch_size = 7,
                        std::int64_t samples = 0) {
    return drawn(Loader(numbers(100), {.batch_size = batch_size,
                                       .seed = seed,
                                       .weights = std::vector<double>(100, 1),
                                       .samples = samples}),
                 epoch);
  };
  const std::vector<std::int64_t> first = order(1, 0);
  EXPECT_EQ(first.size(), 100U);
  EXPECT_EQ(order(1, 0, 32), first);
  EXPECT_NE(order(1, 1), first);
  EXPECT_NE(order(2, 0), first);
  std::vector<std::int64_t> longer = order(1, 0, 7, 250);
  EXPECT_EQ(longer.size(), 250U);
  longer.resize(100);
  EXPECT_EQ(longer, first);
}

TEST(WeightedSampling, TakesExtremeWeights) {
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  const auto only = [](const std::vector<double>& weights, std::int64_t sample) {
    const auto count = static_cast<std::int64_t>(weights.size());
    for (const std::int64_t x :
         drawn(Loader(numbers(count), {.batch_size = 50, .weights = weights, .samples = 500}), 0))
      EXPECT_EQ(x, sample);
  };
  only({kTiny}, 0);
  only({0, 0, 1e308}, 2);
  only({1e-30, 1, 0}, 1);
}

TEST(WeightedSampling, CountsItsSamples) {
  const auto loader = [](std::int64_t samples, bool drop_last) {
    return Loader(
        numbers(4),
        {.batch_size = 3, .drop_last = drop_last, .weights = {1, 1, 1, 1}, .samples = samples});
  };
  EXPECT_EQ(loader(0, false).size(), 2);
  EXPECT_EQ(loader(0, false).samples_per_epoch(), 4);
  EXPECT_EQ(loader(10, false).size(), 4);
  EXPECT_EQ(loader(10, false).samples_per_epoch(), 10);
  EXPECT_EQ(loader(10, true).size(), 3);
  EXPECT_EQ(loader(10, true).samples_per_epoch(), 9);
  EXPECT_EQ(drawn(loader(10, true), 0).size(), 9U);
}

TEST(WeightedSampling, ChecksItsWeights) {
  const auto wrong = [](const LoaderOptions& options, const std::string& text) {
    EXPECT_THAT(message_of<DataError>([&] { Loader(numbers(3), options); }),
                AllOf(HasSubstr(text), HasSubstr("sampler_test.cpp")));
  };
  wrong({.weights = {1, 2}}, "there are 2 weights for a dataset of 3 samples");
  wrong({.weights = {1, 2, 3, 4}}, "there are 4 weights for a dataset of 3 samples");
  wrong({.weights = {1, -0.5, 3}},
        "the weight of sample 1 is -0.5 but must be finite and not negative");
  wrong({.weights = {1, 2, NAN}}, "the weight of sample 2 is nan");
  wrong({.weights = {INFINITY, 2, 3}}, "the weight of sample 0 is inf");
  wrong({.weights = {0, 0, 0}}, "all weights are 0, so no sample can be drawn");
  wrong({.weights = {1e308, 1e308, 1}}, "the sum of the weights is infinite");
  wrong({.shuffle = true, .weights = {1, 2, 3}}, "weights and shuffle = true exclude each other");
  wrong({.samples = 5}, "samples is 5 but there are no weights to draw them by");
  wrong({.weights = {1, 2, 3}, .samples = -1}, "samples is -1 but must not be negative");
}

}  // namespace
}  // namespace tenon
