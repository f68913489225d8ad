#include <gtest/gtest.h>

#include "support/layouts.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/strided_internal.h"

namespace tenon {
namespace {

TEST(Order, OfTheThreeLayouts) {
  const Tensor x = Tensor::zeros({2, 3, 4, 5});
  EXPECT_EQ(order_of(x), Order::rows);
  EXPECT_EQ(order_of(in_order(x, Order::channels_last)), Order::channels_last);
  EXPECT_EQ(in_order(x, Order::channels_last).strides(), (Strides{60, 1, 15, 3}));
  EXPECT_EQ(order_of(in_order(x, Order::batch_inner)), Order::batch_inner);
  EXPECT_EQ(in_order(x, Order::batch_inner).strides(), (Strides{1, 40, 10, 2}));
  EXPECT_EQ(order_of(sliced(x)), Order::other);
}

TEST(Order, AxesOfSizeOneMatchEveryOrder) {
  const Tensor one_channel = Tensor::zeros({2, 1, 4, 5});
  EXPECT_TRUE(has_order(one_channel, Order::channels_last));
  EXPECT_TRUE(has_order(one_channel, Order::rows));
  EXPECT_TRUE(has_order(Tensor::zeros({1, 3, 4, 5}), Order::batch_inner));
  EXPECT_TRUE(has_order(Tensor::zeros({0, 3}), Order::batch_inner));
  EXPECT_FALSE(has_order(Tensor::zeros({4, 5}), Order::channels_last));
}

TEST(Order, DenseMeansNoGapsAndNoOverlap) {
  EXPECT_TRUE(is_dense({2, 3}, {1, 2}));
  EXPECT_FALSE(is_dense({2, 3}, {4, 1}));
  EXPECT_FALSE(is_dense({2, 3}, {0, 1}));
  EXPECT_TRUE(is_dense({2, 1, 3}, {3, 99, 1}));
  EXPECT_TRUE(is_dense({}, {}));
}

TEST(Order, TheFirstDenseOperandOfTheFullShapeDecides) {
  const Shape shape{2, 3, 4, 5};
  const Tensor rows = Tensor::zeros(shape), last = in_order(rows, Order::channels_last);
  const Tensor bias = Tensor::zeros({3, 1, 1}), gaps = sliced(rows);
  const Tensor overlap = make_view(rows, shape, {0, 20, 5, 1}, 0);
  EXPECT_EQ(output_order(shape, {&bias, &last}), last.strides());
  EXPECT_EQ(output_order(shape, {&rows, &last}), rows.strides());
  EXPECT_EQ(output_order(shape, {&gaps, &last}), last.strides());
  EXPECT_EQ(output_order(shape, {&overlap, &last}), last.strides());
  EXPECT_EQ(output_order(shape, {&bias, &gaps}), rows.strides());
}

TEST(Strided, VisitsRowMajor) {
  std::vector<std::int64_t> seen;
  for_each_offset({2, 3}, {1, 10}, [&](std::int64_t offset) { seen.push_back(offset); });
  EXPECT_EQ(seen, (std::vector<std::int64_t>{0, 10, 20, 1, 11, 21}));
  seen.clear();
  for_each_offset({}, {}, [&](std::int64_t offset) { seen.push_back(offset); });
  EXPECT_EQ(seen, (std::vector<std::int64_t>{0}));
  for_each_offset({3, 0}, {1, 1}, [&](std::int64_t) { FAIL(); });
}

}  // namespace
}  // namespace tenon
