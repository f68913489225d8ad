#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "tenon/core/error.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tests/support/close.h"

namespace tenon {
namespace {

using testing::HasSubstr;

std::vector<std::uint32_t> words(const RandomBlock& block) {
  return {block.words, block.words + 4};
}

// Random123's tests/kat_vectors, the lines "philox4x32 10".
TEST(Philox, KnownAnswers) {
  const std::uint64_t ones = ~std::uint64_t{0};
  EXPECT_EQ(words(philox(0, 0, 0)),
            (std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(words(philox(ones, ones, ones)),
            (std::vector<std::uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e)),
            (std::vector<std::uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, NextIsTheFirstHalfOfEachBlock) {
  Rng rng(0);
  EXPECT_EQ(rng.next(), 0xe169c58d6627e8d5);
  EXPECT_EQ(rng.position(), 1u);
  EXPECT_EQ(rng.next(), bits64(random_block(0, 1), 0));
}

TEST(Rng, ResumesAtAPosition) {
  Rng rng(123);
  for (int i = 0; i < 5; ++i) rng.next();
  Tensor::normal({7}, rng);
  Rng resumed(rng.key(), rng.position());
  EXPECT_EQ(Tensor::uniform({9}, rng).to_vector<float>(),
            Tensor::uniform({9}, resumed).to_vector<float>());
  EXPECT_EQ(rng.next(), resumed.next());
  EXPECT_EQ(rng.position(), resumed.position());
}

TEST(Rng, ForksAreDistinctAndDoNotAdvance) {
  Rng rng(5);
  std::set<std::uint64_t> first_numbers;
  for (std::uint64_t stream = 0; stream < 1000; ++stream)
    first_numbers.insert(rng.fork(stream).next());
  for (std::uint64_t stream = 0; stream < 1000; ++stream)
    first_numbers.insert(Rng(6).fork(stream).next());
  EXPECT_EQ(rng.position(), 0u);
  for (int i = 0; i < 1000; ++i) first_numbers.insert(rng.next());
  EXPECT_EQ(first_numbers.size(), 3000u);
  EXPECT_EQ(Rng(5).fork(3).next(), Rng(5, 77).fork(3).next()) << "a fork depends on the key alone";
}

TEST(Rng, BelowIsUniform) {
  Rng rng(8);
  std::vector<int> counts(6);
  for (int i = 0; i < 60000; ++i) ++counts[rng.below(6)];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi_squared, 20.5);  // 5 degrees of freedom: exceeded once in 1000 seeds
  EXPECT_EQ(rng.below(1), 0u);
  const std::uint64_t half = (std::uint64_t{1} << 63) + 1;  // rejects every other draw
  for (int i = 0; i < 100; ++i) EXPECT_LT(rng.below(half), half);
}

TEST(Rng, BelowZeroIsAnError) {
  Rng rng(1);
  EXPECT_THAT(message_of<DataError>([&] { rng.below(0); }), HasSubstr("[0, 0)"));
  EXPECT_THAT(message_of<DataError>([&] { rng.below(0); }), HasSubstr("random_test.cpp"));
}

/// The mean, and the mean of squares and fourth powers around it.
struct Moments {
  explicit Moments(const std::vector<double>& x) {
    const double n = static_cast<double>(x.size());
    for (const double value : x) mean += value / n;
    for (const double value : x) {
      second += std::pow(value - mean, 2) / n;
      third += std::pow(value - mean, 3) / n;
      fourth += std::pow(value - mean, 4) / n;
    }
  }
  double mean = 0, second = 0, third = 0, fourth = 0;
};

TEST(Uniform, IsTheTopBitsOfTheBlocks) {
  Rng rng(0);
  const std::vector<float> x = Tensor::uniform({6}, rng).to_vector<float>();
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(x[i], static_cast<float>(random_block(0, i / 4).words[i % 4] >> 8) / 16777216.0f);
  EXPECT_EQ(rng.position(), 2u);
  const std::vector<double> y =
      Tensor::uniform({3}, rng, {.dtype = Dtype::f64}).to_vector<double>();
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(y[i], static_cast<double>(bits64(random_block(0, 2 + i / 2), i % 2) >> 11) /
                        9007199254740992.0);
  EXPECT_EQ(rng.position(), 4u);
}

TEST(Uniform, HasItsMoments) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Rng rng(11);
    const auto x =
        Tensor::uniform({400000}, rng, {.low = -1, .high = 3, .dtype = dtype}).to_vector<double>();
    EXPECT_GE(*std::min_element(x.begin(), x.end()), -1);
    EXPECT_LT(*std::max_element(x.begin(), x.end()), 3);
    const Moments m(x);  // tolerances: five standard errors
    EXPECT_NEAR(m.mean, 1, 5 * std::sqrt(16.0 / 12 / 400000));
    EXPECT_NEAR(m.second, 16.0 / 12, 0.01);
    EXPECT_NEAR(m.fourth, 256.0 / 80, 0.03);
  }
}

TEST(Uniform, NeverReachesHigh) {
  Rng rng(2);
  // 8 f32 lie in [1, 1 + 2^-20): rounding to the nearest would give the end one time in sixteen.
  const auto x = Tensor::uniform({4096}, rng, {.low = 1, .high = 1 + 0x1p-20}).to_vector<double>();
  EXPECT_LT(*std::max_element(x.begin(), x.end()), 1 + 0x1p-20);
  EXPECT_EQ(*std::min_element(x.begin(), x.end()), 1);
}

TEST(Normal, HasItsMoments) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Rng rng(12);
    const auto x =
        Tensor::normal({400000}, rng, {.mean = 2, .stddev = 3, .dtype = dtype}).to_vector<double>();
    const Moments m(x);
    EXPECT_NEAR(m.mean, 2, 5 * 3 / std::sqrt(400000.0));
    EXPECT_NEAR(m.second, 9, 0.11);
    EXPECT_NEAR(m.third, 0, 0.6);
    EXPECT_NEAR(m.fourth, 3 * 81, 6);
    double neighbours = 0;  // both results of a pair, and pairs, are uncorrelated
    for (std::size_t i = 1; i < x.size(); ++i) neighbours += (x[i] - 2) * (x[i - 1] - 2) / 400000;
    EXPECT_NEAR(neighbours, 0, 0.08);
  }
}

TEST(Normal, ZeroDeviationIsTheMean) {
  Rng rng(1);
  EXPECT_EQ(Tensor::normal({3}, rng, {.mean = 1.5, .stddev = 0}).to_vector<float>(),
            (std::vector<float>{1.5f, 1.5f, 1.5f}));
}

TEST(Normal, SameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    Rng rng(4);
    results.push_back(Tensor::normal({70001}, rng).to_vector<float>());
    results.push_back(Tensor::uniform({70001}, rng).to_vector<float>());
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[2]);
  EXPECT_EQ(results[0], results[4]);
  EXPECT_EQ(results[1], results[3]);
}

TEST(RandomFactories, AnElementDependsOnItsIndexAlone) {
  Rng a(9), b(9), c(9), d(9);
  const auto longer = Tensor::normal({33}, a).to_vector<float>();
  const auto shorter = Tensor::normal({3, 2}, b).to_vector<float>();
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  const auto longer_u = Tensor::uniform({33}, c).to_vector<float>();
  const auto shorter_u = Tensor::uniform({3, 2}, d).to_vector<float>();
  EXPECT_TRUE(std::equal(shorter_u.begin(), shorter_u.end(), longer_u.begin()));
}

TEST(RandomFactories, StreamsAreDistinct) {
  Rng a(1), b(2);
  const Tensor first = Tensor::uniform({1000}, a), second = Tensor::uniform({1000}, a),
               other = Tensor::uniform({1000}, b);
  const auto equal_places = [](const Tensor& x, const Tensor& y) {
    const auto left = x.to_vector<float>(), right = y.to_vector<float>();
    int count = 0;
    for (std::size_t i = 0; i < left.size(); ++i) count += left[i] == right[i];
    return count;
  };
  EXPECT_LE(equal_places(first, second), 1);
  EXPECT_LE(equal_places(first, other), 1);
}

TEST(RandomFactories, LikeGivesTheSameLogicalElementsInAnyLayout) {
  const Shape shape{3, 4, 2, 5};
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor x = make_tensor(shape, strides_in_order(shape, order), dtype);
      Rng a(3), b(3);
      const Tensor like = normal_like(x, a);
      EXPECT_EQ(like.strides(), x.strides());
      EXPECT_EQ(like.dtype(), dtype);
      EXPECT_EQ(like.to_vector<double>(),
                Tensor::normal(shape, b, {.dtype = dtype}).to_vector<double>());
      EXPECT_EQ(uniform_like(x, a).to_vector<double>(),
                Tensor::uniform(shape, b, {.dtype = dtype}).to_vector<double>());
    }
  }
}

TEST(RandomFactories, EmptyAndScalarShapes) {
  Rng rng(1);
  EXPECT_EQ(Tensor::uniform({2, 0}, rng).numel(), 0);
  EXPECT_EQ(Tensor::randperm(0, rng).numel(), 0);
  EXPECT_EQ(rng.position(), 0u);
  EXPECT_EQ(Tensor::normal({}, rng).numel(), 1);
  EXPECT_EQ(rng.position(), 1u);
}

TEST(Randint, CoversItsRangeEvenly) {
  Rng rng(21);
  const Tensor x = Tensor::randint(-2, 3, {50, 1000}, rng);
  EXPECT_EQ(x.dtype(), Dtype::i64);
  std::vector<double> counts(5);
  for (const std::int64_t value : x.to_vector<std::int64_t>()) {
    ASSERT_GE(value, -2);
    ASSERT_LT(value, 3);
    ++counts[static_cast<std::size_t>(value + 2)];
  }
  for (const double count : counts) EXPECT_NEAR(count, 10000, 450);  // five standard deviations
}

TEST(Randint, TakesTheWidestRange) {
  Rng rng(22);
  const auto x = Tensor::randint(INT64_MIN, INT64_MAX, {1000}, rng).to_vector<std::int64_t>();
  const auto negative =
      std::count_if(x.begin(), x.end(), [](std::int64_t value) { return value < 0; });
  EXPECT_NEAR(static_cast<double>(negative), 500, 80);
}

TEST(Randperm, IsAPermutation) {
  Rng rng(31);
  auto x = Tensor::randperm(1001, rng).to_vector<std::int64_t>();
  EXPECT_FALSE(std::is_sorted(x.begin(), x.end()));
  std::sort(x.begin(), x.end());
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(x[i], static_cast<std::int64_t>(i));
}

TEST(Randperm, AllOrdersAreEquallyLikely) {
  Rng rng(32);
  std::vector<double> counts(27);
  for (int i = 0; i < 6000; ++i) {
    const auto x = Tensor::randperm(3, rng).to_vector<std::int64_t>();
    ++counts[static_cast<std::size_t>(x[0] * 9 + x[1] * 3 + x[2])];
  }
  int orders = 0;
  for (const double count : counts)
    if (count > 0) {
      ++orders;
      EXPECT_NEAR(count, 1000, 145);  // five standard deviations
    }
  EXPECT_EQ(orders, 6);
}

TEST(RandomFactories, WrongCallsSaySo) {
  Rng rng(1);
  const auto expect = [](const std::string& message, std::initializer_list<const char*> parts) {
    for (const char* part : parts) EXPECT_THAT(message, HasSubstr(part));
  };
  expect(message_of<DataError>([&] { Tensor::uniform({2}, rng, {.low = 1, .high = 1}); }),
         {"uniform", "[1, 1)", "random_test.cpp"});
  expect(message_of<DataError>([&] { Tensor::uniform({2}, rng, {.low = NAN}); }),
         {"uniform", "nan"});
  expect(message_of<DataError>([&] { Tensor::uniform({2}, rng, {.low = 0, .high = 1e300}); }),
         {"uniform", "1e+300", "f32"});
  expect(message_of<DtypeError>([&] { Tensor::uniform({2}, rng, {.dtype = Dtype::i64}); }),
         {"uniform", "i64", "randint"});
  expect(message_of<ShapeError>([&] {
           Tensor::uniform({2, -3}, rng);
         }),
         {"uniform", "[2, -3]", "random_test.cpp"});
  expect(message_of<DataError>([&] { Tensor::normal({2}, rng, {.stddev = -1}); }),
         {"normal", "-1", "random_test.cpp"});
  expect(message_of<DataError>([&] { Tensor::normal({2}, rng, {.mean = INFINITY}); }),
         {"normal", "inf"});
  expect(message_of<DtypeError>([&] { Tensor::normal({2}, rng, {.dtype = Dtype::u8}); }),
         {"normal", "u8"});
  expect(message_of<DataError>([&] { Tensor::randint(5, 5, {2}, rng); }),
         {"randint", "[5, 5)", "random_test.cpp"});
  expect(message_of<ShapeError>([&] { Tensor::randperm(-1, rng); }), {"randperm", "-1"});
  expect(
      message_of<DtypeError>([&] { uniform_like(Tensor::zeros({2}, {.dtype = Dtype::i32}), rng); }),
      {"uniform_like", "i32"});
  expect(message_of<ShapeError>([&] { normal_like(Tensor(), rng); }), {"normal_like", "undefined"});
  EXPECT_EQ(rng.position(), 0u) << "a call that throws draws nothing";
}

}  // namespace
}  // namespace tenon
