#include "tenon/kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../support/close.h"
#include "../support/layouts.h"
#include "tenon/core/parallel.h"

namespace tenon {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor random(const Shape& shape, Dtype dtype, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> distribution(-4, 4);
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) {
    value = distribution(generator);
    if (!is_floating(dtype)) value = std::abs(std::round(value));
  }
  return Tensor::from(values, shape, dtype);
}

/// Applies f to the values that belong to each element of the result, in row-major order.
std::vector<double> by_hand(const Tensor& x, const Axes& axes,
                            const std::function<double(std::vector<double>)>& f) {
  const std::vector<double> values = x.to_vector<double>();
  const Shape& shape = x.shape();
  std::vector<bool> reduced(shape.rank(), axes.empty());
  for (const std::int64_t axis : axes)
    reduced[static_cast<std::size_t>(axis < 0 ? axis + x.rank() : axis)] = true;
  std::int64_t results = 1;
  for (std::size_t i = 0; i < shape.rank(); ++i)
    if (!reduced[i]) results *= shape[i];
  std::vector<std::vector<double>> parts(static_cast<std::size_t>(results));
  for (std::size_t at = 0; at < values.size(); ++at) {
    std::int64_t rest = static_cast<std::int64_t>(at), step = 1, target = 0;
    for (std::size_t i = shape.rank(); i-- > 0; rest /= shape[i]) {
      if (reduced[i]) continue;
      target += rest % shape[i] * step;
      step *= shape[i];
    }
    parts[static_cast<std::size_t>(target)].push_back(values[at]);
  }
  std::vector<double> result;
  for (const auto& part : parts) result.push_back(f(part));
  return result;
}

double sum_of(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}
double product_of(const std::vector<double>& values) {
  double total = 1;
  for (const double value : values) total *= value;
  return total;
}
double max_of(const std::vector<double>& values) {
  double best = -HUGE_VAL;
  for (const double value : values) best = value > best ? value : best;
  return best;
}

const std::vector<Axes> kAxes = {{},        {0},    {1},    {2},    {3},    {-1},
                                 {0, 2, 3}, {1, 2}, {0, 1}, {2, 3}, {3, 0}, {0, 1, 2, 3}};
const std::vector<Shape> kShapes = {{3, 5, 2, 7}, {1, 4, 1, 9}, {17, 3, 1, 1}, {2, 1, 3, 1}};

TEST(ReduceKernel, SumOverAllAxesLayoutsAndDtypes) {
  for (const Shape& shape : kShapes)
    for (const Dtype dtype :
         {Dtype::f32, Dtype::f64, Dtype::i64, Dtype::i32, Dtype::u8, Dtype::boolean})
      for (const auto& [layout, x] : layouts(random(shape, dtype, 1)))
        for (const Axes& axes : kAxes) {
          const Tensor y = kernels::sum(x, axes, false);
          EXPECT_EQ(y.dtype(), is_floating(dtype) ? dtype : Dtype::i64);
          EXPECT_TRUE(close(y, by_hand(x, axes, sum_of)))
              << layout << to_string(shape) << to_string(dtype);
        }
}

TEST(ReduceKernel, MeanProdMaxMin) {
  const auto min_of = [](const std::vector<double>& values) {
    double best = HUGE_VAL;
    for (const double value : values) best = value < best ? value : best;
    return best;
  };
  const auto mean_of = [](const std::vector<double>& values) {
    return sum_of(values) / static_cast<double>(values.size());
  };
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::i32, Dtype::u8, Dtype::boolean})
    for (const auto& [layout, x] : layouts(random({3, 5, 2, 4}, dtype, 2)))
      for (const Axes& axes : kAxes) {
        EXPECT_TRUE(close(kernels::mean(x, axes, false), by_hand(x, axes, mean_of)))
            << layout << to_string(dtype);
        EXPECT_TRUE(close(kernels::max(x, axes, false), by_hand(x, axes, max_of)))
            << layout << to_string(dtype);
        EXPECT_TRUE(close(kernels::min(x, axes, false), by_hand(x, axes, min_of)))
            << layout << to_string(dtype);
        if (axes.empty() || axes.size() > 2) continue;  // their products overflow
        EXPECT_TRUE(close(kernels::prod(x, axes, false), by_hand(x, axes, product_of)))
            << layout << to_string(dtype);
      }
}

TEST(ReduceKernel, KeepsAxesOfSizeOne) {
  const Tensor x = random({3, 5, 2}, Dtype::f32, 3);
  EXPECT_EQ(kernels::sum(x, {1}, true).shape(), Shape({3, 1, 2}));
  EXPECT_EQ(kernels::sum(x, {}, true).shape(), Shape({1, 1, 1}));
  EXPECT_EQ(kernels::sum(x, {}, false).shape(), Shape{});
  EXPECT_EQ(kernels::argmax(x, -1, true).shape(), Shape({3, 5, 1}));
}

TEST(ReduceKernel, OutputHasTheOrderOfItsInput) {
  const Tensor x = in_order(random({4, 3, 2, 5}, Dtype::f32, 4), Order::channels_last);
  const Tensor y = kernels::max(x, {2}, true);
  EXPECT_EQ(order_of(y), Order::channels_last);
  EXPECT_EQ(order_of(kernels::sum(in_order(x, Order::batch_inner), {2, 3}, true)),
            Order::batch_inner);
}

TEST(ReduceKernel, EmptyAxes) {
  const Tensor x = Tensor::empty({0, 3}, {.dtype = Dtype::f64});
  EXPECT_TRUE(close(kernels::sum(x, {0}, false), std::vector<double>{0, 0, 0}));
  EXPECT_TRUE(close(kernels::prod(x, {0}, false), std::vector<double>{1, 1, 1}));
  EXPECT_TRUE(close(kernels::mean(x, {0}, false), std::vector<double>{kNan, kNan, kNan}));
  EXPECT_TRUE(close(kernels::any(x, {0}, false), std::vector<double>{0, 0, 0}));
  EXPECT_TRUE(close(kernels::all(x, {0}, false), std::vector<double>{1, 1, 1}));
  EXPECT_TRUE(close(kernels::logsumexp(x, {0}, false),
                    std::vector<double>{-HUGE_VAL, -HUGE_VAL, -HUGE_VAL}));
  EXPECT_EQ(kernels::sum(x, {1}, false).shape(), Shape{0});
  EXPECT_EQ(kernels::max(x, {1}, true).shape(), Shape({0, 1}));
  EXPECT_EQ(kernels::sum(Tensor::empty({2, 0, 3}), {0, 2}, false).shape(), Shape{0});
  EXPECT_EQ(kernels::cumsum(x, 0).shape(), Shape({0, 3}));
}

TEST(ReduceKernel, ExpandedInput) {
  const Tensor column = random({3, 1}, Dtype::f64, 5);
  const Tensor x = make_view(column, {3, 4}, {1, 0}, 0);
  for (const Axes& axes : std::vector<Axes>{{}, {0}, {1}}) {
    EXPECT_TRUE(close(kernels::sum(x, axes, false), by_hand(x, axes, sum_of)));
    EXPECT_TRUE(close(kernels::max(x, axes, false), by_hand(x, axes, max_of)));
  }
  const Tensor point =
      make_view(Tensor::full({}, 0.5, {.dtype = Dtype::f64}), {2, 3, 4}, {0, 0, 0}, 0);
  EXPECT_TRUE(close(kernels::sum(point, {1}, false), by_hand(point, {1}, sum_of)));
  EXPECT_TRUE(close(kernels::cumsum(point, 1),
                    std::vector<double>{.5, .5, .5, .5, 1, 1, 1, 1, 1.5, 1.5, 1.5, 1.5,  //
                                        .5, .5, .5, .5, 1, 1, 1, 1, 1.5, 1.5, 1.5, 1.5}));
}

TEST(ReduceKernel, NanWinsInMaxAndMin) {
  for (const std::int64_t width : {3, 40}) {  // with and without a whole row of lanes
    std::vector<double> values(static_cast<std::size_t>(2 * width), 1.0);
    values[1] = kNan;
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor x = Tensor::from(values, {2, width}, dtype);
      EXPECT_TRUE(close(kernels::max(x, {1}, false), std::vector<double>{kNan, 1}));
      EXPECT_TRUE(close(kernels::min(x, {1}, false), std::vector<double>{kNan, 1}));
      EXPECT_TRUE(std::isnan(kernels::max(x, {0}, false).to_vector<double>()[1]));
      EXPECT_TRUE(close(kernels::argmax(x, 1, false), std::vector<double>{1, 0}));
      EXPECT_TRUE(close(kernels::argmin(x, 1, false), std::vector<double>{1, 0}));
    }
  }
  const double infinity = HUGE_VAL;
  const Tensor x = Tensor::from(std::vector<double>{-infinity, -infinity, infinity, infinity},
                                {2, 2}, Dtype::f64);
  EXPECT_TRUE(close(kernels::max(x, {1}, false), std::vector<double>{-infinity, infinity}));
  EXPECT_TRUE(close(kernels::min(x, {1}, false), std::vector<double>{-infinity, infinity}));
  EXPECT_TRUE(close(kernels::logsumexp(x, {1}, false), std::vector<double>{-infinity, infinity}));
}

TEST(ReduceKernel, ArgmaxTakesTheFirst) {
  const auto first_greatest = [](const std::vector<double>& values) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < values.size(); ++i)
      if (values[i] > values[best]) best = i;
    return static_cast<double>(best);
  };
  const auto first_least = [](const std::vector<double>& values) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < values.size(); ++i)
      if (values[i] < values[best]) best = i;
    return static_cast<double>(best);
  };
  for (const Dtype dtype :
       {Dtype::f32, Dtype::f64, Dtype::i64, Dtype::u8, Dtype::boolean})  // integers have ties
    for (const auto& [layout, x] : layouts(random({4, 6, 3, 5}, dtype, 6)))
      for (std::int64_t axis = -1; axis < 4; ++axis) {
        EXPECT_TRUE(close(kernels::argmax(x, axis, false), by_hand(x, axis, first_greatest)))
            << layout << axis;
        EXPECT_TRUE(close(kernels::argmin(x, axis, false), by_hand(x, axis, first_least)))
            << layout << axis;
      }
}

TEST(ReduceKernel, AnyAndAll) {
  const Tensor x = Tensor::from({0.0, 0.0, kNan, 0.0, 2.0, -1.0}, {3, 2}, Dtype::f32);
  EXPECT_TRUE(close(kernels::any(x, {1}, false), std::vector<double>{0, 1, 1}));
  EXPECT_TRUE(close(kernels::all(x, {1}, false), std::vector<double>{0, 0, 1}));
  EXPECT_EQ(kernels::any(x, {}, false).dtype(), Dtype::boolean);
  for (const Dtype dtype : {Dtype::boolean, Dtype::u8, Dtype::i64})
    EXPECT_TRUE(close(
        kernels::any(x.to(dtype == Dtype::boolean ? dtype : Dtype::boolean).to(dtype), {0}, false),
        std::vector<double>{1, 1}));
}

TEST(ReduceKernel, VarianceInTwoPasses) {
  // 1e6 + {0, 1, 2}: the one-pass formula loses all digits in f32.
  const Tensor x = Tensor::from({1e6, 1e6 + 1, 1e6 + 2, 4.0, 4.0, 4.0}, {2, 3}, Dtype::f32);
  EXPECT_TRUE(close(kernels::variance(x, {1}, false, 1, false), std::vector<double>{1, 0}));
  EXPECT_TRUE(close(kernels::variance(x, {1}, false, 0, false), std::vector<double>{2.0 / 3, 0}));
  EXPECT_TRUE(
      close(kernels::variance(x, {1}, false, 0, true), std::vector<double>{std::sqrt(2.0 / 3), 0}));
  EXPECT_TRUE(
      close(kernels::variance(x, {1}, false, 3, false), std::vector<double>{HUGE_VAL, kNan}));
  const auto variance_of = [](const std::vector<double>& values) {
    const double mean = sum_of(values) / static_cast<double>(values.size());
    double total = 0;
    for (const double value : values) total += (value - mean) * (value - mean);
    return total / (static_cast<double>(values.size()) - 1);
  };
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const auto& [layout, y] : layouts(random({3, 5, 2, 7}, dtype, 7)))
      for (const Axes& axes : kAxes)
        EXPECT_TRUE(
            close(kernels::variance(y, axes, false, 1, false), by_hand(y, axes, variance_of)))
            << layout;
}

TEST(ReduceKernel, LogsumexpIsStable) {
  const auto lse = [](const std::vector<double>& values) {
    double total = 0;
    for (const double value : values) total += std::exp(value);
    return std::log(total);
  };
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const auto& [layout, x] : layouts(random({3, 5, 2, 7}, dtype, 8)))
      for (const Axes& axes : kAxes)
        EXPECT_TRUE(close(kernels::logsumexp(x, axes, false), by_hand(x, axes, lse))) << layout;
  EXPECT_TRUE(close(kernels::logsumexp(Tensor::from({1000.0f, 1000.0f}, {2}), {}, false),
                    std::vector<double>{1000 + std::log(2.0)}));
  EXPECT_TRUE(close(kernels::logsumexp(Tensor::from({-1000.0f, -1000.0f}, {2}), {}, false),
                    std::vector<double>{-1000 + std::log(2.0)}));
}

TEST(ReduceKernel, Cumsum) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::i32, Dtype::boolean})
    for (const auto& [layout, x] : layouts(random({3, 5, 2, 7}, dtype, 9)))
      for (std::int64_t axis = -1; axis < 4; ++axis) {
        std::vector<double> want = x.to_vector<double>();
        const auto at = static_cast<std::size_t>(axis < 0 ? axis + 4 : axis);
        std::size_t inner = 1;
        for (std::size_t i = at + 1; i < 4; ++i) inner *= static_cast<std::size_t>(x.shape()[i]);
        const std::size_t size = static_cast<std::size_t>(x.shape()[at]);
        for (std::size_t i = 0; i < want.size(); ++i)
          if (i / inner % size != 0) want[i] += want[i - inner];
        const Tensor y = kernels::cumsum(x, axis);
        EXPECT_TRUE(close(y, want)) << layout << axis;
        EXPECT_TRUE(layout == "sliced" || y.strides() == x.strides());
      }
}

TEST(ReduceKernel, LargeSumsAreExactEnoughAndTheSameForAnyThreads) {
  const int threads = num_threads();
  // f32 accumulates in double: 10^6 times 0.1 in float arithmetic is 100958.
  for (const Shape& shape :
       std::vector<Shape>{{1000003}, {7, 150001}, {150001, 7}, {60, 300, 60}}) {
    const Tensor x = random(shape, Dtype::f32, 10);
    for (const Axes& axes : std::vector<Axes>{{}, {0}}) {
      if (shape.rank() == 1 && !axes.empty()) continue;
      set_num_threads(1);
      const std::vector<float> sums = kernels::sum(x, axes, false).to_vector<float>();
      const std::vector<float> maxima = kernels::max(x, axes, false).to_vector<float>();
      set_num_threads(3);
      EXPECT_EQ(kernels::sum(x, axes, false).to_vector<float>(), sums);
      EXPECT_EQ(kernels::max(x, axes, false).to_vector<float>(), maxima);
      EXPECT_TRUE(close(kernels::sum(x, axes, false), by_hand(x, axes, sum_of)));
      EXPECT_TRUE(close(kernels::max(x, axes, false), by_hand(x, axes, max_of)));
    }
  }
  set_num_threads(threads);
}

}  // namespace
}  // namespace tenon
