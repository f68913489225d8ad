#include "tenon/ops/dropout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random_internal.h"
#include "tenon/core/shard_internal.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tests/ops/indexed.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const DropoutNoise kNoise{.key = 99, .call = 3};

TEST(Dropout, ZeroesByThePhiloxNumbersAndScales) {
  const Shape shape{3, 2, 5, 4};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const std::int64_t first : {0, 1, 6}) {
      const Tensor values = counted(shape, dtype);
      std::vector<double> want = values.to_vector<double>();
      for (std::size_t i = 0; i < want.size(); ++i) {
        const std::size_t element = i + static_cast<std::size_t>(first);
        const RandomBlock block = philox(99, element / 4, (std::uint64_t{1} << 63) + 3);
        want[i] =
            static_cast<double>(block.words[element % 4]) < 0.4 * 4294967296.0 ? 0 : want[i] / 0.6;
      }
      for (const auto& [name, x] : layouts(values)) {
        const Tensor y =
            dropout(x, 0.4, DropoutNoise{.key = 99, .call = 3, .first_element = first});
        EXPECT_EQ(y.dtype(), dtype);
        EXPECT_TRUE(close(y, want)) << name << ", first element " << first;
        EXPECT_EQ(order_of(y), name == "sliced" ? Order::rows : order_of(x));
      }
    }
}

TEST(Dropout, MasksAreTheSameInShardsAndWhole) {
  const Tensor x = Tensor::ones({7, 3, 5});
  const Tensor whole = dropout(x, 0.5, kNoise);
  std::vector<Tensor> shards;
  for (std::int64_t start = 0; start < 7; start += 2) {
    DropoutNoise noise = kNoise;
    noise.first_element = start * 15;
    const ShardScope shard;
    shards.push_back(
        dropout(in_order(slice(x, 0, {start, start + 2}), Order::batch_inner), 0.5, noise));
  }
  EXPECT_EQ(concat(shards).to_vector<float>(), whole.to_vector<float>());
}

TEST(Dropout, DropsTheRightFraction) {
  for (const double p : {0.0, 0.1, 0.5, 0.9}) {
    Rng rng(17);
    const std::vector<float> y = dropout(Tensor::ones({200000}), p, rng).to_vector<float>();
    double zeros = 0;
    for (const float value : y) {
      zeros += value == 0;
      ASSERT_TRUE(value == 0 || std::abs(value * (1 - p) - 1) < 1e-6) << value;
    }
    EXPECT_NEAR(zeros / 200000, p, 5 * std::sqrt(p * (1 - p) / 200000));
  }
}

TEST(Dropout, CallsAndKeysGiveOtherMasks) {
  const Tensor x = Tensor::ones({1000});
  Rng rng(1);
  const std::vector<Tensor> results = {
      dropout(x, 0.5, rng), dropout(x, 0.5, rng), dropout(x, 0.5, DropoutNoise{.key = 1}),
      dropout(x, 0.5, DropoutNoise{.key = 2}), dropout(x, 0.5, DropoutNoise{.key = 2, .call = 1})};
  EXPECT_EQ(rng.position(), 2u);
  for (std::size_t i = 0; i < results.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const double equal_places = sum(equal(results[i], results[j])).item<double>();
      EXPECT_NEAR(equal_places, 500, 5 * std::sqrt(250.0)) << i << ", " << j;
    }
}

TEST(Dropout, IsIndependentOfTheStreamItsKeyNames) {
  Rng rng(44);
  const Tensor u = Tensor::uniform({1000}, rng);
  const Tensor y = dropout(Tensor::ones({1000}), 0.5, DropoutNoise{.key = 44});
  EXPECT_NEAR(sum(equal(less(u, 0.5), equal(y, 0))).item<double>(), 500, 5 * std::sqrt(250.0));
}

TEST(Dropout, SameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    results.push_back(dropout(Tensor::ones({50003}), 0.3, kNoise).to_vector<float>());
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
}

TEST(Dropout, ExtremeProbabilitiesAndShapes) {
  const Tensor x = counted({5}, Dtype::f32);
  EXPECT_TRUE(close(dropout(x, 0, kNoise), x));
  EXPECT_TRUE(close(dropout(x, 1, kNoise), {0, 0, 0, 0, 0}));
  EXPECT_EQ(dropout(counted({2, 0}), 0.5, kNoise).shape(), Shape({2, 0}));
  EXPECT_EQ(dropout(counted({}), 0.5, kNoise).shape(), Shape({}));
}

TEST(Dropout, Gradients) {
  const auto function = [](const std::vector<Tensor>& in) {
    const Tensor y = dropout(in[0], 0.4, kNoise);
    return y * y * y;
  };
  for (const auto& [name, x] : layouts(counted({3, 2, 4}) * 0.1)) {
    const GradientReport first = check_gradients(function, {x});
    EXPECT_TRUE(first.ok) << name << ": " << first.message;
    const GradientReport second = check_second_gradients(function, {x});
    EXPECT_TRUE(second.ok) << name << ": " << second.message;
  }
  Tensor x = counted({4}, Dtype::f32).set_requires_grad();
  sum(dropout(x, 1, kNoise)).backward();
  EXPECT_TRUE(close(x.grad(), {0, 0, 0, 0}));
}

TEST(Dropout, WrongCallsSaySo) {
  Rng rng(1);
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(
      message_of<DataError>([&] { dropout(x, 1.5, rng); }),
      AllOf(HasSubstr("dropout: p is 1.5"), HasSubstr("[2, 3]"), HasSubstr("dropout_test.cpp")));
  EXPECT_THAT(message_of<DataError>([&] { dropout(x, -0.1, rng); }), HasSubstr("-0.1"));
  EXPECT_THAT(message_of<DataError>([&] { dropout(x, std::nan(""), kNoise); }), HasSubstr("nan"));
  EXPECT_THAT(message_of<DtypeError>([&] { dropout(x.to(Dtype::i64), 0.5, rng); }),
              HasSubstr("i64"));
  EXPECT_THAT(message_of<DataError>([&] { dropout(x, 0.5, DropoutNoise{.first_element = -1}); }),
              HasSubstr("first_element is -1"));
  const ShardScope shard;
  EXPECT_THAT(message_of<Error>([&] { dropout(x, 0.5, rng); }),
              AllOf(HasSubstr("shard"), HasSubstr("nn::Dropout"), HasSubstr("dropout_test.cpp")));
  EXPECT_EQ(rng.position(), 0u);
}

}  // namespace
}  // namespace tenon
