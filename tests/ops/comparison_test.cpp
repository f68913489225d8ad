#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// Positive numbers in steps of a quarter (some equal to each other's), or from `low` on.
Tensor quarters(const Shape& shape, Dtype dtype, std::size_t phase, double low = 0.25) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = low + 0.25 * static_cast<double>((i * 37 + phase * 5) % 13);
  return Tensor::from(values, shape, dtype);
}

TEST(Comparison, WithNaNIsFalseButForNotEqual) {
  const Tensor nan = Tensor::from({NAN}, {1}), one = Tensor::ones({1});
  for (const auto& function : {equal, less, less_equal, greater, greater_equal}) {
    EXPECT_FALSE(function(nan, one).item<bool>());
    EXPECT_FALSE(function(nan, nan).item<bool>());
  }
  EXPECT_TRUE(not_equal(nan, nan).item<bool>());
  EXPECT_TRUE(close(isnan(Tensor::from({NAN, 1.0f, HUGE_VALF}, {3})), {1, 0, 0}));
  EXPECT_TRUE(close(isnan(Tensor::from({double{NAN}, 1.0}, {2}, Dtype::f64)), {1, 0}));
  EXPECT_TRUE(close(isnan(Tensor::from({1, 2}, {2})), {0, 0}));
  Tensor x = Tensor::ones({1}).set_requires_grad();
  EXPECT_FALSE(greater(x, 0).requires_grad());
  EXPECT_THAT(message_of<ShapeError>([] { isnan(Tensor()); }),
              StartsWith("isnan: x is an undefined tensor"));
  EXPECT_THAT(message_of<ShapeError>([] { logical_not(Tensor()); }),
              StartsWith("logical_not: x is an undefined tensor"));
}

TEST(Comparison, WorksOnEveryDtype) {
  for (const Dtype dtype : {Dtype::u8, Dtype::i32, Dtype::i64, Dtype::f32, Dtype::f64}) {
    const Tensor a = Tensor::from({1, 2, 3}, {3}, dtype);
    EXPECT_TRUE(close(less(a, 2), {1, 0, 0}));
    EXPECT_TRUE(close(less_equal(a, 2), {1, 1, 0}));
    EXPECT_TRUE(close(greater(a, 1.5), {0, 1, 1}));
    EXPECT_TRUE(close(equal(a, Tensor::from({1.0, 2.5, 3.0}, {3}, Dtype::f64)), {1, 0, 1}));
  }
}

TEST(Where, ChoosesInEveryLayoutAndBroadcast) {
  for (const Dtype dtype : {Dtype::u8, Dtype::i64, Dtype::f32, Dtype::f64}) {
    const Tensor a = quarters({3, 4}, Dtype::f64, 0, 1).to(dtype),
                 b = quarters({4}, Dtype::f64, 3, 50).to(dtype);
    const Tensor condition = greater(quarters({3, 1}, Dtype::f32, 1), 1.0);
    const std::vector<double> values_a = a.to_vector<double>(), values_b = b.to_vector<double>();
    const std::vector<bool> mask = condition.to_vector<bool>();
    std::vector<double> want;
    for (std::size_t i = 0; i < 12; ++i)
      want.push_back(mask[i / 4] ? values_a[i] : values_b[i % 4]);
    for (const auto& [name_a, x] : layouts(a))
      for (const auto& [name_b, z] : layouts(b))
        for (const auto& [name_c, c] : layouts(condition))
          EXPECT_TRUE(close(where(c, x, z), want)) << name_a << name_b;
  }
  const Tensor mask = Tensor::from({true, false}, {2});
  EXPECT_EQ(where(mask, 1, 2).dtype(), Dtype::i64);
  EXPECT_TRUE(close(where(mask, 1, 2), {1, 2}));
  EXPECT_TRUE(close(where(mask, 1.5, 2), {1.5, 2}));
  EXPECT_TRUE(close(where(mask, Tensor::ones({2, 2}), 0), {1, 0, 1, 0}));
  EXPECT_EQ(where(Tensor::zeros({0}, {Dtype::boolean}), 1, 2).numel(), 0);
}

TEST(Where, HasGradientsForEachOperand) {
  const Tensor condition = Tensor::from({true, false, true, true, false, false}, {2, 3});
  const Tensor a = quarters({2, 3}, Dtype::f64, 0), b = quarters({3}, Dtype::f64, 1);
  const auto both = [&](const std::vector<Tensor>& in) {
    return where(condition, square(in[0]), in[1] * in[1]);
  };
  EXPECT_TRUE(check_gradients(both, {a, b}).ok) << check_gradients(both, {a, b}).message;
  EXPECT_TRUE(check_second_gradients(both, {a, b}).ok);
  const auto first = [&](const std::vector<Tensor>& in) { return where(condition, in[0], b); };
  const auto second = [&](const std::vector<Tensor>& in) { return where(condition, 3.0, in[0]); };
  EXPECT_TRUE(check_gradients(first, {a}).ok);
  EXPECT_TRUE(check_gradients(second, {b}).ok);
  // An infinite gradient on the other side does not reach through.
  Tensor x = Tensor::from({0.0f, 4.0f}, {2}).set_requires_grad();
  const Tensor safe = where(greater(x, 0), x, 1.0);
  EXPECT_TRUE(close(gradients(sum(where(greater(x, 0), sqrt(safe), 0.0)), {x})[0], {0, 0.25}));
}

TEST(Where, SaysWhatItRefuses) {
  EXPECT_THAT(message_of<DtypeError>([] { where(Tensor::ones({2}), 1, 2); }),
              AllOf(StartsWith("where: condition must be boolean but is f32"),
                    HasSubstr("condition [2] f32"), HasSubstr("comparison_test.cpp")));
  const Tensor mask = Tensor::from({true, false}, {2});
  EXPECT_THAT(
      message_of<ShapeError>([&] { where(mask, Tensor::ones({3}), 2); }),
      StartsWith(
          "where: condition and a do not broadcast: axis -1 has size 2 in condition but 3 in a"));
  EXPECT_THAT(message_of<ShapeError>([&] { where(Tensor(), 1, 2); }),
              HasSubstr("condition is an undefined tensor"));
}

}  // namespace
}  // namespace tenon
