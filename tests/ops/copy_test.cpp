#include "tenon/kernels/copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

const std::vector<Dtype> kDtypes{Dtype::boolean, Dtype::u8,  Dtype::i32,
                                 Dtype::i64,     Dtype::f32, Dtype::f64};
const std::vector<Shape> kShapes{{},
                                 {1},
                                 {7},
                                 {3, 5},
                                 {2, 3, 4, 5},
                                 {1, 3, 1, 5},
                                 {16, 1, 3, 3},
                                 {2, 0, 3},
                                 {40, 35},
                                 {3, 70, 33},
                                 {2, 1, 2, 1, 2, 1, 2, 3}};

/// 0, 1, 2 ... in row-major order, written element by element.
Tensor numbered(const Shape& shape, Dtype dtype) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 251);
  return Tensor::from(values, shape, dtype);
}

TEST(Copy, MovesEveryElementBetweenAllOrders) {
  for (const Dtype dtype : kDtypes)
    for (const Shape& shape : kShapes) {
      const Tensor x = numbered(shape, dtype);
      const std::vector<double> want = x.to_vector<double>();
      for (const auto& [from, source] : layouts(x))
        for (const auto& [to, destination] : layouts(Tensor::zeros(shape, {dtype}))) {
          Tensor y = destination;
          kernels::copy(y, source);
          EXPECT_EQ(y.to_vector<double>(), want)
              << from << " to " << to << " " << to_string(shape) << to_string(dtype);
        }
    }
}

TEST(Copy, MovesEveryElementBetweenAnyTwoPermutations) {
  Rng rng(3);
  for (int round = 0; round < 100; ++round) {
    Shape shape = Shape::filled(5, 1);
    for (std::size_t axis = 0; axis < 5; ++axis)
      shape[axis] = static_cast<std::int64_t>(1 + rng.below(axis % 2 == 0 ? 3 : 19));
    const auto permuted = [&] {
      Strides strides = shape;
      std::vector<std::size_t> axes{0, 1, 2, 3, 4};
      for (std::size_t i = 5; i > 1; --i) std::swap(axes[i - 1], axes[rng.below(i)]);
      std::int64_t step = 1;
      for (const std::size_t axis : axes) {
        strides[axis] = step;
        step *= shape[axis];
      }
      return strides;
    };
    const Dtype dtype = kDtypes[rng.below(kDtypes.size())];
    const Tensor x = numbered(shape, dtype);
    const Tensor y = kernels::copy_to_strides(x, permuted());
    const Tensor z = kernels::copy_to_strides(y, permuted());
    ASSERT_EQ(z.to_vector<double>(), x.to_vector<double>())
        << "round " << round << to_string(shape);
  }
}

TEST(Copy, LeavesWhatIsBetweenTheElementsAlone) {
  Tensor memory = Tensor::full({4, 9}, 7);
  Tensor view = make_view(memory, {4, 3}, {9, 2}, 1);
  kernels::copy(view, numbered({4, 3}, Dtype::f32));
  std::vector<float> want(36, 7.0f);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 3; ++j) want[i * 9 + 1 + 2 * j] = static_cast<float>(i * 3 + j);
  EXPECT_EQ(memory.to_vector<float>(), want);
}

TEST(Copy, RepeatsAnExpandedSource) {
  const Tensor row = numbered({3}, Dtype::f32);
  Tensor y = make_tensor({2, 3}, Dtype::f32);
  kernels::copy(y, make_view(row, {2, 3}, {0, 1}, 0));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{0, 1, 2, 0, 1, 2}));
  kernels::copy(y, make_view(row, {2, 3}, {0, 0}, 2));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>(6, 2)));
}

TEST(Copy, GivesTheSameValuesOnManyThreads) {
  const Tensor x = numbered({7, 129, 301}, Dtype::f32);
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    for (const Order order : {Order::channels_last, Order::batch_inner}) {
      const Tensor y = kernels::copy_to_strides(x, strides_in_order(x.shape(), order));
      EXPECT_TRUE(has_order(y, order));
      EXPECT_TRUE(y.to_vector<float>() == x.to_vector<float>());
      EXPECT_TRUE(kernels::copy_to_strides(y, x.strides()).to_vector<float>() ==
                  x.to_vector<float>());
    }
  }
  set_num_threads(2);
}

TEST(Convert, IsDefinedForEveryValue) {
  const double inf = HUGE_VAL;
  const Tensor x = Tensor::from({-1.5, -0.0, 0.5, 2.9, 300.0, 1e30, -1e30, inf, -inf, double{NAN}},
                                {10}, Dtype::f64);
  const auto i32_max = std::numeric_limits<std::int32_t>::max(),
             i32_min = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(kernels::convert(x, Dtype::i32).to_vector<std::int32_t>(),
            (std::vector<std::int32_t>{-1, 0, 0, 2, 300, i32_max, i32_min, i32_max, i32_min, 0}));
  const auto i64_max = std::numeric_limits<std::int64_t>::max(),
             i64_min = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(kernels::convert(x, Dtype::i64).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{-1, 0, 0, 2, 300, i64_max, i64_min, i64_max, i64_min, 0}));
  EXPECT_EQ(kernels::convert(x, Dtype::u8).to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{0, 0, 0, 2, 255, 255, 0, 255, 0, 0}));
  EXPECT_EQ(kernels::convert(x, Dtype::boolean).to_vector<bool>(),
            (std::vector<bool>{true, false, true, true, true, true, true, true, true, true}));
  const std::vector<float> narrow = kernels::convert(x, Dtype::f32).to_vector<float>();
  EXPECT_EQ(narrow[5], 1e30f);
  EXPECT_EQ(narrow[8], -HUGE_VALF);
  EXPECT_TRUE(std::isnan(narrow[9]));
}

TEST(Convert, SaturatesAtTheFirstNumberThatDoesNotFit) {
  const Tensor x = Tensor::from({0x1p31f, -0x1p31f, 0x1p63f, -0x1p63f}, {4});
  const auto i32_max = std::numeric_limits<std::int32_t>::max(),
             i32_min = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(kernels::convert(x, Dtype::i32).to_vector<std::int32_t>(),
            (std::vector<std::int32_t>{i32_max, i32_min, i32_max, i32_min}));
  const std::int64_t small = std::int64_t{1} << 31;
  const auto i64_max = std::numeric_limits<std::int64_t>::max(),
             i64_min = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(kernels::convert(x, Dtype::i64).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{small, -small, i64_max, i64_min}));
}

TEST(Fill, WritesEveryElementOfAnyView) {
  for (const Dtype dtype : kDtypes)
    for (const Shape& shape : kShapes)
      for (auto& [name, y] : layouts(Tensor::zeros(shape, {dtype}))) {
        Tensor view = y;
        kernels::fill(view, 1);
        EXPECT_EQ(view.to_vector<double>(),
                  std::vector<double>(static_cast<std::size_t>(shape.numel()), 1))
            << name;
      }
  Tensor memory = Tensor::zeros({2, 4});
  Tensor view = make_view(memory, {2, 2}, {4, 2}, 0);
  kernels::fill(view, -2.5);
  EXPECT_EQ(memory.to_vector<float>(), (std::vector<float>{-2.5, 0, -2.5, 0, -2.5, 0, -2.5, 0}));
}

TEST(AddInto, AddsBetweenAllOrders) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Shape& shape : kShapes)
      for (const auto& [to, total] : layouts(numbered(shape, dtype)))
        for (const auto& [from, x] : layouts(numbered(shape, dtype))) {
          Tensor y = total;
          const std::vector<double> before = y.to_vector<double>();
          kernels::add_into(y, x);
          std::vector<double> want = x.to_vector<double>();
          for (std::size_t i = 0; i < want.size(); ++i) want[i] += before[i];
          EXPECT_EQ(y.to_vector<double>(), want) << from << " into " << to << to_string(shape);
        }
}

TEST(To, ConvertsAndKeepsTheOrder) {
  for (const auto& [name, x] : layouts(numbered({2, 3, 4}, Dtype::f32))) {
    const Tensor y = x.to(Dtype::f64);
    EXPECT_TRUE(close(y, x.to_vector<double>())) << name;
    if (name != "sliced") {
      EXPECT_EQ(y.strides(), x.strides()) << name;
    }
    EXPECT_EQ(x.to(Dtype::f32).impl(), x.impl());
  }
  EXPECT_EQ(Tensor::from({1.7, -1.7}, {2}, Dtype::f64).to(Dtype::i64).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, -1}));
}

TEST(To, HasAGradientInTheInputsDtype) {
  Tensor x = Tensor::from({1.0f, 2.0f}, {2}).set_requires_grad();
  const Tensor dy = Tensor::from({3.0, 0.1}, {2}, Dtype::f64);
  const Tensor dx = gradients(x.to(Dtype::f64), {x}, {.output_gradients = {dy}})[0];
  EXPECT_EQ(dx.dtype(), Dtype::f32);
  EXPECT_EQ(dx.to_vector<float>(), (std::vector<float>{3.0f, 0.1f}));
  EXPECT_FALSE(x.to(Dtype::i64).requires_grad());

  const auto cube = [](const std::vector<Tensor>& in) {
    return in[0].clone() * in[0].contiguous() * in[0];
  };
  const Tensor values = sliced(Tensor::from({0.5, -1.0, 2.0, 3.0}, {2, 2}, Dtype::f64));
  EXPECT_TRUE(check_gradients(cube, {values}).ok);
  EXPECT_TRUE(check_second_gradients(cube, {values}).ok);
}

TEST(Clone, OwnsDenseMemoryInTheSameOrder) {
  for (const auto& [name, x] : layouts(numbered({2, 3, 4}, Dtype::f32))) {
    const Tensor y = x.clone();
    EXPECT_NE(y.impl()->storage->id, x.impl()->storage->id);
    EXPECT_TRUE(is_dense(y.shape(), y.strides()));
    EXPECT_TRUE(close(y, x));
    EXPECT_EQ(order_of(y), name == "sliced" ? Order::rows : order_of(x)) << name;
  }
  const Tensor expanded = make_view(numbered({3}, Dtype::f32), {2, 3}, {0, 1}, 0).clone();
  EXPECT_TRUE(expanded.is_contiguous());
  EXPECT_EQ(expanded.to_vector<float>(), (std::vector<float>{0, 1, 2, 0, 1, 2}));
}

TEST(Contiguous, GivesRows) {
  for (const auto& [name, x] : layouts(numbered({2, 3, 4}, Dtype::f32))) {
    const Tensor y = x.contiguous();
    EXPECT_TRUE(y.is_contiguous());
    EXPECT_TRUE(close(y, x));
    EXPECT_EQ(y.impl() == x.impl(), name == "rows");
  }
}

TEST(Copy, MembersNameAnUndefinedTensor) {
  EXPECT_THAT(message_of<ShapeError>([] { Tensor().to(Dtype::f64); }),
              testing::HasSubstr("to: x is an undefined tensor"));
  EXPECT_THAT(message_of<ShapeError>([] { Tensor().clone(); }),
              testing::HasSubstr("clone: x is an undefined tensor"));
  EXPECT_THAT(message_of<ShapeError>([] { Tensor().contiguous(); }),
              testing::HasSubstr("copy_test.cpp"));
}

}  // namespace
}  // namespace tenon
