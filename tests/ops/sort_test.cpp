#include "tenon/ops/sort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../support/close.h"
#include "../support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/index.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor normal64(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::normal(shape, rng, {.dtype = Dtype::f64});
}

/// Each line along the axis sorted with std::stable_sort, and where its values were.
void check_sorted(const Tensor& x, std::int64_t axis, bool descending, std::int64_t k,
                  const SortResult& result) {
  const std::vector<double> values = x.to_vector<double>();
  Shape shape = x.shape();
  std::int64_t inner = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < shape.rank(); ++i) inner *= shape[i];
  const std::int64_t size = shape[static_cast<std::size_t>(axis)];
  shape[static_cast<std::size_t>(axis)] = k;
  std::vector<double> want(static_cast<std::size_t>(shape.numel())), places(want.size());
  for (std::int64_t line = 0; line < x.numel() / size; ++line) {
    const std::int64_t base = line / inner * inner * size + line % inner;
    const auto value = [&](std::int64_t i) {
      return values[static_cast<std::size_t>(base + i * inner)];
    };
    std::vector<std::int64_t> order(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return descending ? value(a) > value(b) : value(a) < value(b);
    });
    for (std::int64_t i = 0; i < k; ++i) {
      const auto at = static_cast<std::size_t>(line / inner * inner * k + line % inner + i * inner);
      want[at] = value(order[static_cast<std::size_t>(i)]);
      places[at] = static_cast<double>(order[static_cast<std::size_t>(i)]);
    }
  }
  EXPECT_EQ(result.values.shape(), shape);
  EXPECT_EQ(result.values.dtype(), x.dtype());
  EXPECT_TRUE(close(result.values, want));
  EXPECT_EQ(result.indices.dtype(), Dtype::i64);
  EXPECT_TRUE(close(result.indices, places));
}

TEST(Sort, LayoutsAxesAndDtypes) {
  for (const Dtype dtype :
       {Dtype::f32, Dtype::f64, Dtype::i64, Dtype::i32, Dtype::boolean})  // integers have ties
    for (const auto& [layout, x] : layouts((2.0 * normal64({3, 5, 2, 4}, 1)).to(dtype)))
      for (std::int64_t axis = 0; axis < 4; ++axis)
        for (const bool descending : {false, true}) {
          SCOPED_TRACE(layout);
          const std::int64_t size = x.size(axis);
          check_sorted(x, axis, descending, size, sort(x, axis, {.descending = descending}));
          check_sorted(x, axis, descending, size / 2,
                       topk(x, size / 2, axis, {.largest = descending}));
          check_sorted(x, axis, descending, size, topk(x, size, axis, {.largest = descending}));
        }
}

TEST(Sort, NanIsTheGreatest) {
  const Tensor x = Tensor::from({1.0, kNan, -HUGE_VAL, kNan, HUGE_VAL}, {5}, Dtype::f64);
  EXPECT_TRUE(close(sort(x).values, std::vector<double>{-HUGE_VAL, 1, HUGE_VAL, kNan, kNan}));
  EXPECT_TRUE(close(sort(x).indices, std::vector<double>{2, 0, 4, 1, 3}));
  EXPECT_TRUE(close(sort(x, 0, {.descending = true}).indices, std::vector<double>{1, 3, 4, 0, 2}));
  EXPECT_TRUE(close(topk(x, 3).indices, std::vector<double>{1, 3, 4}));
  EXPECT_TRUE(close(topk(x, 2, 0, {.largest = false}).indices, std::vector<double>{2, 0}));
}

TEST(Sort, SizeOneAndEmptyAxes) {
  EXPECT_TRUE(close(sort(Tensor::from({3.0f, 1.0f}, {2, 1})).values, std::vector<double>{3, 1}));
  EXPECT_EQ(sort(Tensor::empty({0, 3})).values.shape(), Shape({0, 3}));
  EXPECT_EQ(sort(Tensor::empty({3, 0})).indices.shape(), Shape({3, 0}));
  EXPECT_EQ(topk(Tensor::empty({2, 3}), 0).values.shape(), Shape({2, 0}));
}

TEST(Sort, Gradients) {
  for (const auto& [layout, x] : layouts(normal64({3, 4, 2}, 2)))
    for (std::int64_t axis = -1; axis < 3; ++axis) {
      const auto sorted = [&](const std::vector<Tensor>& inputs) {
        const Tensor y = sort(inputs[0], axis).values;
        return y * y;
      };
      const auto greatest = [&](const std::vector<Tensor>& inputs) {
        const Tensor y = topk(inputs[0], 2, axis).values;
        return y * y;
      };
      EXPECT_TRUE(check_gradients(sorted, {x}).ok) << layout << axis;
      EXPECT_TRUE(check_second_gradients(sorted, {x}).ok) << layout << axis;
      EXPECT_TRUE(check_gradients(greatest, {x}).ok) << layout << axis;
      EXPECT_TRUE(check_second_gradients(greatest, {x}).ok) << layout << axis;
    }
  const Tensor x = Tensor::from({3.0f, 1.0f, 2.0f}, {3}).set_requires_grad();
  EXPECT_FALSE(sort(x).indices.requires_grad());
  EXPECT_EQ(gradients(sum(topk(x, 1).values), {x})[0].to_vector<float>(),
            (std::vector<float>{1, 0, 0}));
}

TEST(Sort, Errors) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { topk(x, 4); }),
              testing::AllOf(HasSubstr("topk: k = 4"), HasSubstr("3"), HasSubstr("[2, 3]"),
                             HasSubstr("sort_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { topk(x, -1, 0); }), HasSubstr("k = -1"));
  EXPECT_THAT(message_of<ShapeError>([&] { sort(x, 2); }), HasSubstr("sort"));
  EXPECT_THAT(message_of<ShapeError>([&] { sort(Tensor()); }), HasSubstr("sort"));
  EXPECT_THAT(message_of<ShapeError>([&] { topk(x, 1, -3); }), HasSubstr("topk"));
}

}  // namespace
}  // namespace tenon
