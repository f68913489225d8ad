#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "../support/close.h"
#include "../support/simd.h"
#include "tenon/core/kernel_report.h"
#include "tenon/kernels/norm.h"
#include "tenon/kernels/simd/norm.h"

namespace tenon {
namespace {

constexpr unsigned kSeed = 77;
constexpr double kEpsilon = 1e-5;
// dx subtracts two means from dy; dw and db are sums.
constexpr Tolerance kGradient{1e-4, 3e-5};
constexpr Tolerance kSum{2e-5, 2e-4};

TEST(NormSimd, BatchNormMatchesPlainDoubleLoops) {
  SCOPED_TRACE(kSeed);
  for_each_target([] {
    RandomCases random(kSeed);
    for (int i = 0; i < 120; ++i) {
      const Shape shape = random.shape(2, 4);
      if (shape.numel() / shape[1] < 3) continue;  // two values are normalised to a step
      const Tensor x = random.in_some_layout(random.values(shape, 30, 2));
      const Tensor dy = random.in_some_layout(random.values(shape));
      const Tensor w = i % 4 == 0 ? Tensor() : random.values({shape[1]}, 1);
      const Tensor b = i % 5 == 0 ? Tensor() : random.values({shape[1]});
      SCOPED_TRACE(to_string(shape) + ", " + std::to_string(i));
      const auto got = kernels::batch_norm(x, w, b, kEpsilon);
      const auto want = kernels::batch_norm(as_f64(x), as_f64(w), as_f64(b), kEpsilon);
      ASSERT_TRUE(close(got.y, as_f32(want.y)));
      ASSERT_TRUE(close(got.mean, as_f32(want.mean)));
      ASSERT_TRUE(close(got.variance, as_f32(want.variance)));
      ASSERT_TRUE(close(
          kernels::batch_norm_inference(x, got.mean, got.variance, w, b, kEpsilon),
          as_f32(kernels::batch_norm_inference(as_f64(x), as_f64(got.mean), as_f64(got.variance),
                                               as_f64(w), as_f64(b), kEpsilon))));
      // The oracle gets the same rounded statistics.
      const auto slopes =
          kernels::batch_norm_gradient(dy, x, got.mean, got.variance, w, kEpsilon, {});
      const auto wanted = kernels::batch_norm_gradient(
          as_f64(dy), as_f64(x), as_f64(got.mean), as_f64(got.variance), as_f64(w), kEpsilon, {});
      ASSERT_TRUE(close(slopes.dx, as_f32(wanted.dx), kGradient));
      ASSERT_TRUE(close(slopes.dw, as_f32(wanted.dw), kSum));
      ASSERT_TRUE(close(slopes.db, as_f32(wanted.db), kSum));
    }
  });
}

TEST(NormSimd, LayerNormMatchesPlainDoubleLoops) {
  SCOPED_TRACE(kSeed);
  for_each_target([] {
    RandomCases random(kSeed);
    for (int i = 0; i < 120; ++i) {
      const Shape shape = random.shape(2, 4);
      const auto axes = static_cast<std::size_t>(
          i % 2 == 0 ? static_cast<std::int64_t>(shape.rank()) - 1
                     : random.number(1, static_cast<std::int64_t>(shape.rank())));
      Shape normalized;
      for (std::size_t axis = shape.rank() - axes; axis < shape.rank(); ++axis)
        normalized.push_back(shape[axis]);
      if (normalized.numel() < 3) continue;
      const Tensor x = random.in_some_layout(random.values(shape, 30, 2));
      const Tensor dy = random.in_some_layout(random.values(shape));
      const Tensor w = i % 4 == 0 ? Tensor() : random.values(normalized, 1);
      const Tensor b = i % 5 == 0 ? Tensor() : random.values(normalized);
      SCOPED_TRACE(to_string(shape) + ", " + std::to_string(i));
      const auto got = kernels::layer_norm(x, axes, w, b, kEpsilon);
      const auto want = kernels::layer_norm(as_f64(x), axes, as_f64(w), as_f64(b), kEpsilon);
      ASSERT_TRUE(close(got.y, as_f32(want.y)));
      ASSERT_TRUE(close(got.mean, as_f32(want.mean)));
      ASSERT_TRUE(close(got.variance, as_f32(want.variance)));
      const auto slopes =
          kernels::layer_norm_gradient(dy, x, axes, got.mean, got.variance, w, kEpsilon, {});
      const auto wanted =
          kernels::layer_norm_gradient(as_f64(dy), as_f64(x), axes, as_f64(got.mean),
                                       as_f64(got.variance), as_f64(w), kEpsilon, {});
      ASSERT_TRUE(close(slopes.dx, as_f32(wanted.dx), kGradient));
      ASSERT_TRUE(close(slopes.dw, as_f32(wanted.dw), kSum));
      ASSERT_TRUE(close(slopes.db, as_f32(wanted.db), kSum));
    }
  });
}

TEST(NormSimd, EveryDenseOrderTakesTheVectorKernels) {
  RandomCases random(1);
  const Tensor x = random.values({8, 6, 5, 7}), w = random.values({6});
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
    const Tensor images = in_order(x, order);
    reset_kernel_report();
    const auto batch = kernels::batch_norm(images, w, {}, kEpsilon);
    kernels::batch_norm_gradient(images, images, batch.mean, batch.variance, w, kEpsilon, {});
    if (order != Order::channels_last) {
      const auto layer = kernels::layer_norm(images, 3, {}, {}, kEpsilon);
      kernels::layer_norm_gradient(images, images, 3, layer.mean, layer.variance, {}, kEpsilon, {});
    }
    for (const KernelUse& use : kernel_report()) {
      EXPECT_EQ(use.kernel, "simd") << use.operation;
      EXPECT_EQ(use.reorders, 0) << use.operation;
    }
  }
}

TEST(NormSimd, ANanStaysInItsGroup) {
  for_each_target([] {
    for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
      Tensor values = RandomCases(2).values({5, 19, 3, 3});
      values.mutable_data<float>()[9 * 4 + 1] = NAN;        // channel 4
      values.mutable_data<float>()[9 * 7 + 1] = HUGE_VALF;  // channel 7
      const auto got = kernels::batch_norm(in_order(values, order), {}, {}, kEpsilon);
      const auto y = got.y.to_vector<float>(), variance = got.variance.to_vector<float>();
      for (std::size_t i = 0; i < y.size(); ++i) {
        const std::size_t channel = i / 9 % 19;
        const bool broken = channel == 4 || channel == 7;
        ASSERT_EQ(std::isnan(variance[channel]), broken) << channel;
        ASSERT_EQ(std::isnan(y[i]), broken) << i;
      }
    }
  });
}

TEST(NormSimd, LongGroupsAndOutliersKeepTheirDigits) {
  std::vector<double> values(200'000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 1000 + std::sin(static_cast<double>(i));
  values[0] = -5000;
  for_each_target([&] {
    for (const Order order : {Order::rows, Order::channels_last}) {
      const Tensor x = in_order(Tensor::from(values, {10, 2, 10000}, Dtype::f32), order);
      const auto got = kernels::batch_norm(x, {}, {}, kEpsilon);
      const auto want = kernels::batch_norm(as_f64(x), {}, {}, kEpsilon);
      EXPECT_TRUE(close(got.mean, as_f32(want.mean), {1e-7, 0}));
      EXPECT_TRUE(close(got.variance, as_f32(want.variance), {1e-5, 0}));
    }
  });
}

TEST(NormSimd, SameBitsOnAnyNumberOfThreads) {
  RandomCases random(3);
  const Tensor x = random.values({32, 20, 19, 23}), dy = random.values({32, 20, 19, 23});
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
    std::vector<std::vector<float>> first;
    for_each_thread_count([&] {
      const Tensor a = in_order(x, order), g = in_order(dy, order);
      const auto batch = kernels::batch_norm(a, {}, {}, kEpsilon);
      const auto dbatch =
          kernels::batch_norm_gradient(g, a, batch.mean, batch.variance, {}, kEpsilon, {});
      const auto layer = kernels::layer_norm(a, 2, {}, {}, kEpsilon);
      const auto dlayer =
          kernels::layer_norm_gradient(g, a, 2, layer.mean, layer.variance, {}, kEpsilon, {});
      const auto whole = kernels::layer_norm(a, 3, {}, {}, kEpsilon);
      const auto dwhole =
          kernels::layer_norm_gradient(g, a, 3, whole.mean, whole.variance, {}, kEpsilon, {});
      std::vector<std::vector<float>> all;
      for (const Tensor& t :
           {batch.y, batch.mean, batch.variance, dbatch.dx, dbatch.dw, dbatch.db, layer.y,
            dlayer.dx, dlayer.dw, dlayer.db, whole.y, dwhole.dx, dwhole.dw, dwhole.db})
        all.push_back(t.to_vector<float>());
      if (first.empty()) first = all;
      EXPECT_EQ(all, first) << static_cast<int>(order);
    });
  }
}

TEST(NormSimd, TouchesNothingBeyondTheEnds) {
  using namespace kernels::simd;
  for_each_target([] {
    RandomCases random(4);
    for (std::int64_t count = 1; count <= 40; ++count) {
      const std::int64_t rows = 9, numel = rows * count;
      const auto size = static_cast<std::size_t>(numel), width = static_cast<std::size_t>(count);
      PageEnd x(random.floats(numel)), dy(random.floats(numel)), a(random.floats(count)),
          b(random.floats(count)), c(random.floats(count)), d(random.floats(count));
      PageEnd by_row(random.floats(rows)), row_sum(random.floats(rows));
      PageEnd y(std::vector<float>(size, NAN));
      PageEnd first(std::vector<double>(width, 0)), second(std::vector<double>(width, 0));
      const Grouping runs{1, rows, count};
      PageEnd mean(std::vector<double>(9, 0)), squares(std::vector<double>(9, 0));
      run_moments(runs, x.data(), 0, rows, 0, count, mean.data(), squares.data());
      run_gradient_sums(runs, dy.data(), x.data(), by_row.data(), 0, rows, 0, count, mean.data(),
                        squares.data());
      run_normalize(runs, {by_row.data(), by_row.data(), by_row.data()}, x.data(), 0, rows,
                    y.data());
      run_gradient(runs, {by_row.data(), by_row.data(), by_row.data(), by_row.data()}, dy.data(),
                   x.data(), 0, rows, y.data());
      column_moments(count, x.data(), 0, rows, first.data(), second.data());
      column_gradient_sums(count, dy.data(), x.data(), a.data(), by_row.data(), 0, rows,
                           first.data(), second.data());
      column_normalize(count, {a.data(), b.data(), c.data(), by_row.data(), by_row.data()},
                       x.data(), 0, rows, y.data());
      column_gradient(count, {a.data(), b.data(), c.data(), d.data(), by_row.data()}, dy.data(),
                      x.data(), 0, rows, y.data());
      row_gradient_sums(count, dy.data(), x.data(), a.data(), b.data(), 0, rows, by_row.data(),
                        row_sum.data());
      const LayerNorm norm{count, kEpsilon, a.data(), b.data()};
      PageEnd statistic(std::vector<float>(9, 0)), variance(std::vector<float>(9, 0));
      layer_norm(norm, x.data(), 0, rows, y.data(), statistic.data(), variance.data());
      layer_norm_gradient(norm, dy.data(), x.data(), statistic.data(), variance.data(), 0, rows,
                          y.data(), first.data(), second.data());
      for (std::size_t i = 0; i < size; ++i) ASSERT_TRUE(std::isfinite(y.data()[i]));
    }
  });
}

}  // namespace
}  // namespace tenon
