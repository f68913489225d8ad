#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "support/layouts.h"
#include "support/simd.h"
#include "tenon/core/kernel_report.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/pool2d.h"
#include "tenon/kernels/reference/pool2d.h"
#include "tenon/kernels/simd/pool2d.h"

namespace tenon {
namespace {

class RandomPooling {
 public:
  explicit RandomPooling(std::uint64_t seed) : engine_(seed) {
    const auto axis = [&] {
      WindowAxis a;
      a.kernel = below(4) == 0 ? up_to(7) : up_to(3);
      a.stride = below(2) == 0 ? a.kernel : up_to(5);
      a.before = a.after = below(2) == 0 ? 0 : below(a.kernel / 2 + 1);
      a.input = std::max<std::int64_t>(up_to(24), a.kernel - 2 * a.before);
      const bool ceil = below(2) == 0;
      const std::int64_t room = a.input + 2 * a.before - a.kernel;
      a.output = (room + (ceil ? a.stride - 1 : 0)) / a.stride + 1;
      if (ceil && (a.output - 1) * a.stride >= a.input + a.before) --a.output;
      return a;
    };
    geometry.batch = up_to(below(3) == 0 ? 40 : 17);
    geometry.channels = up_to(below(3) == 0 ? 40 : 5);
    geometry.height = axis();
    geometry.width = axis();
    geometry.count_include_pad = below(2) == 0;
    constexpr Order kOrders[] = {Order::rows, Order::channels_last, Order::batch_inner};
    order = kOrders[below(3)];
  }

  /// Values that repeat, with -0, infinities and NaN among them if `special`.
  Tensor values(const Shape& shape, bool special) {
    Tensor x = make_tensor(shape, strides_in_order(shape, order), Dtype::f32);
    float* to = fresh_elements<float>(x);
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const std::int64_t kind = special ? below(24) : 24;
      to[i] = kind == 0   ? NAN
              : kind == 1 ? HUGE_VALF
              : kind <= 3 ? -HUGE_VALF
              : kind == 4 ? -0.0f
              : kind < 12 ? static_cast<float>(below(4))
                          : std::ldexp(static_cast<float>(below(1 << 22)) - 0x1p21f,
                                       static_cast<int>(below(12)) - 24);
    }
    return x;
  }
  std::string text() const {
    const auto axis = [](const WindowAxis& a) {
      return fmt::format("{} -> {} kernel {} stride {} padding {}", a.input, a.output, a.kernel,
                         a.stride, a.before);
    };
    return fmt::format("{} x {}, {}, {}, count {}, {}", geometry.batch, geometry.channels,
                       axis(geometry.height), axis(geometry.width), geometry.count_include_pad,
                       order == Order::rows          ? "rows"
                       : order == Order::batch_inner ? "batch-inner"
                                                     : "channels-last");
  }

  PoolGeometry geometry;
  Order order;

 private:
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(limit));
  }
  std::int64_t up_to(std::int64_t limit) { return 1 + below(limit); }
  std::mt19937_64 engine_;
};

/// The same bits, but for what a NaN holds.
testing::AssertionResult same(const Tensor& got, const Tensor& want) {
  if (got.shape() != want.shape() || got.strides() != want.strides())
    return testing::AssertionFailure() << "shape or strides";
  const auto* a = elements<float>(got);
  const auto* b = elements<float>(want);
  for (std::int64_t i = 0; i < got.numel(); ++i)
    if (std::memcmp(a + i, b + i, sizeof(float)) != 0 && !(std::isnan(a[i]) && std::isnan(b[i])))
      return testing::AssertionFailure()
             << fmt::format("element {} in memory: got {:a}, want {:a}", i, a[i], b[i]);
  return testing::AssertionSuccess();
}

Tensor fresh(const Shape& shape, Order order, Dtype dtype = Dtype::f32) {
  return make_tensor(shape, strides_in_order(shape, order), dtype);
}

/// Each operation since the last reset ran as a SIMD kernel.
bool all_simd() {
  bool all = true;
  for (const KernelUse& use : kernel_report())
    if (use.calls > 0 && use.operation != "copy") all = all && use.kernel == "simd";
  return all;
}

void check_average(RandomPooling& p) {
  const PoolGeometry& g = p.geometry;
  const Tensor x = p.values(g.x_shape(), true), dy = p.values(g.y_shape(), true);
  Tensor y = fresh(g.y_shape(), p.order), dx = fresh(g.x_shape(), p.order);
  kernels::reference::avg_pool2d(g, x, y);
  kernels::reference::avg_pool2d_gradient(g, dy, dx);
  EXPECT_TRUE(same(kernels::avg_pool2d(x, g), y));
  EXPECT_TRUE(same(kernels::avg_pool2d_gradient(dy, g, p.order), dx));
}

void check_maximum(RandomPooling& p) {
  const PoolGeometry& g = p.geometry;
  const Tensor x = p.values(g.x_shape(), true), dy = p.values(g.y_shape(), true);
  Tensor y = fresh(g.y_shape(), p.order), dx = fresh(g.x_shape(), p.order);
  Tensor indices = fresh(g.y_shape(), p.order, Dtype::i32);
  kernels::reference::max_pool2d(g, x, y, indices);
  kernels::reference::max_pool2d_scatter(g, dy, indices, dx);
  const kernels::MaxPool pooled = kernels::max_pool2d(x, g, true);
  EXPECT_TRUE(same(pooled.y, y));
  EXPECT_EQ(pooled.indices.to_vector<std::int32_t>(), indices.to_vector<std::int32_t>());
  EXPECT_TRUE(same(kernels::max_pool2d(x, g, false).y, y));
  EXPECT_TRUE(same(kernels::max_pool2d_scatter(dy, indices, g), dx));
}

TEST(Pool2dSimd, HasTheBitsOfThePlainLoops) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomPooling p(seed);
    // Where axes of size 1 make two orders one, kernels take that of rows.
    p.order = order_of(p.values(p.geometry.x_shape(), false));
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, p.text()));
    reset_kernel_report();
    for_each_target([&] {
      check_average(p);
      check_maximum(p);
    });
    EXPECT_TRUE(all_simd());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Pool2dSimd, TakesGradientsOfAnyStrides) {
  RandomPooling p(1);
  p.geometry.batch = 9;
  p.geometry.channels = 3;
  const PoolGeometry& g = p.geometry;
  for (const Order order : {Order::rows, Order::batch_inner, Order::channels_last}) {
    p.order = order;
    const Tensor dy = p.values(g.y_shape(), false);
    const Tensor x = p.values(g.x_shape(), false);
    const Tensor indices = kernels::max_pool2d(x, g, true).indices;
    const Tensor average = kernels::avg_pool2d_gradient(dy, g, order);
    const Tensor maximum = kernels::max_pool2d_scatter(dy, indices, g);
    for (const auto& [name, other] : layouts(dy)) {
      EXPECT_TRUE(same(kernels::avg_pool2d_gradient(other, g, order), average)) << name;
      EXPECT_TRUE(same(kernels::max_pool2d_scatter(other, indices, g), maximum)) << name;
    }
  }
}

TEST(Pool2dSimd, SameBitsOnAnyNumberOfThreads) {
  PoolGeometry g{64, 48, {33, 16, 3, 2, 1, 0, 0}, {33, 16, 3, 2, 1, 0, 0}, true};
  RandomPooling p(2);
  for (const std::int64_t kernel : {2, 3}) {
    g.height.kernel = g.width.kernel = kernel;
    for (const Order order : {Order::rows, Order::batch_inner, Order::channels_last}) {
      p.order = order;
      const Tensor x = p.values(g.x_shape(), false), dy = p.values(g.y_shape(), false);
      Tensor first[4];
      const int threads_before = num_threads();
      for (const int threads : {1, 2, 3}) {
        set_num_threads(threads);
        const kernels::MaxPool pooled = kernels::max_pool2d(x, g, true);
        const Tensor results[] = {pooled.y, kernels::max_pool2d_scatter(dy, pooled.indices, g),
                                  kernels::avg_pool2d(x, g),
                                  kernels::avg_pool2d_gradient(dy, g, order)};
        for (int i = 0; i < 4; ++i) {
          if (!first[i].defined()) first[i] = results[i];
          EXPECT_TRUE(same(results[i], first[i])) << threads << " threads, result " << i;
        }
      }
      set_num_threads(threads_before);
    }
  }
}

TEST(Pool2dSimd, TouchesNothingBehindItsOperands) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    RandomPooling p(5000 + seed);
    PoolGeometry& g = p.geometry;
    g.channels = 1;
    p.order = Order::batch_inner;
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, p.text()));
    const kernels::simd::PoolPlanes planes{g, g.batch};
    const auto floats = [](const Tensor& x) {
      return std::vector<float>(elements<float>(x), elements<float>(x) + x.numel());
    };
    const Tensor x = p.values(g.x_shape(), false), y = p.values(g.y_shape(), false);
    PageEnd xs(floats(x)), ys(floats(y));
    PageEnd places(std::vector<std::int32_t>(static_cast<std::size_t>(y.numel())));
    const std::int64_t gradient_rows = planes.is_disjoint() ? g.height.output : g.height.input;
    for_each_target([&] {
      kernels::simd::avg_pool2d(planes, xs.data(), ys.data(), 0, g.height.output);
      kernels::simd::avg_pool2d_gradient(planes, ys.data(), xs.data(), 0, gradient_rows);
      kernels::simd::max_pool2d(planes, xs.data(), ys.data(), places.data(), 0, g.height.output);
      kernels::simd::max_pool2d_scatter(planes, ys.data(), places.data(), xs.data(), 0,
                                        gradient_rows);
    });
    // The last scatter moves each maximum to its place: no sum is lost.
    const double sum_x = std::accumulate(xs.data(), xs.data() + x.numel(), 0.0);
    const double sum_y = std::accumulate(ys.data(), ys.data() + y.numel(), 0.0);
    EXPECT_NEAR(sum_x, sum_y, 1e-3 * static_cast<double>(y.numel()));
  }
}

}  // namespace
}  // namespace tenon
