#include "tenon/ops/pool2d.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/core/kernel_report.h"
#include "tenon/core/parallel.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

using testing::HasSubstr;
using Values = std::vector<double>;

struct PoolCase {
  Shape x;
  Size2 kernel;
  Pool2dOptions options;

  Size2 stride() const {
    return {options.stride.height == 0 ? kernel.height : options.stride.height,
            options.stride.width == 0 ? kernel.width : options.stride.width};
  }
  /// PyTorch's pooling_output_shape.
  std::int64_t outputs(std::int64_t in, std::int64_t k, std::int64_t s, std::int64_t p) const {
    const double exact = static_cast<double>(in + 2 * p - k) / static_cast<double>(s);
    auto out =
        static_cast<std::int64_t>(options.ceil_mode ? std::ceil(exact) : std::floor(exact)) + 1;
    if (options.ceil_mode && (out - 1) * s >= in + p) --out;
    return out;
  }
  Shape y() const {
    return {x[0], x[1], outputs(x[2], kernel.height, stride().height, options.padding.height),
            outputs(x[3], kernel.width, stride().width, options.padding.width)};
  }
  /// f(y index, divisor, x indices of the window in row-major order)
  template <class F>
  void for_each_window(F&& f) const {
    const Shape out = y();
    for (std::int64_t p = 0; p < x[0] * x[1]; ++p)
      for (std::int64_t i = 0; i < out[2]; ++i)
        for (std::int64_t j = 0; j < out[3]; ++j) {
          const std::int64_t top = i * stride().height - options.padding.height;
          const std::int64_t left = j * stride().width - options.padding.width;
          std::vector<std::size_t> window;
          for (std::int64_t r = top; r < top + kernel.height; ++r)
            for (std::int64_t c = left; c < left + kernel.width; ++c)
              if (r >= 0 && r < x[2] && c >= 0 && c < x[3])
                window.push_back(static_cast<std::size_t>((p * x[2] + r) * x[3] + c));
          const std::int64_t rows =
              std::min(top + kernel.height, x[2] + options.padding.height) - top;
          const std::int64_t columns =
              std::min(left + kernel.width, x[3] + options.padding.width) - left;
          const double divisor = options.count_include_pad ? static_cast<double>(rows * columns)
                                                           : static_cast<double>(window.size());
          f(static_cast<std::size_t>((p * out[2] + i) * out[3] + j), divisor, window);
        }
  }
  std::string text() const {
    return fmt::format("x {} kernel {}x{} stride {}x{} padding {}x{} ceil {} count {}",
                       to_string(x), kernel.height, kernel.width, stride().height, stride().width,
                       options.padding.height, options.padding.width, options.ceil_mode,
                       options.count_include_pad);
  }
};

PoolCase random_case(std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
  };
  while (true) {
    PoolCase k{{pick(1, 5), pick(0, 4) == 0 ? pick(60, 70) : pick(1, 20), pick(1, 9), pick(1, 9)},
               {pick(1, 4), pick(1, 4)},
               {}};
    k.options.stride = {pick(0, 4), pick(0, 4)};
    k.options.padding = {pick(0, k.kernel.height / 2), pick(0, k.kernel.width / 2)};
    k.options.ceil_mode = pick(0, 1) == 1;
    k.options.count_include_pad = pick(0, 1) == 1;
    if (k.x[2] + 2 * k.options.padding.height >= k.kernel.height &&
        k.x[3] + 2 * k.options.padding.width >= k.kernel.width)
      return k;
  }
}

Tensor uniform(const Shape& shape, Rng& rng, Dtype dtype = Dtype::f32) {
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}

void expect_average(const PoolCase& k, const Tensor& x_in, const Tensor& dy) {
  Tensor x = x_in.detach().set_requires_grad();
  const Values xs = x.to_vector<double>(), dys = dy.to_vector<double>();
  Values ys(dys.size()), dxs(xs.size());
  k.for_each_window([&](std::size_t at, double divisor, const std::vector<std::size_t>& window) {
    for (const std::size_t i : window) {
      ys[at] += xs[i] / divisor;
      dxs[i] += dys[at] / divisor;
    }
  });
  const Tensor y = avg_pool2d(x, k.kernel, k.options);
  EXPECT_TRUE(close(y, Tensor::from(ys, k.y(), x.dtype())));
  EXPECT_TRUE(
      close(gradients(y, {x}, {.output_gradients = {dy}})[0], Tensor::from(dxs, k.x, x.dtype())));
}

void expect_maximum(const PoolCase& k, const Tensor& x_in, const Tensor& dy) {
  const Values xs = x_in.to_vector<double>(), dys = dy.to_vector<double>();
  Values ys(dys.size()), dxs(xs.size());
  k.for_each_window([&](std::size_t at, double, const std::vector<std::size_t>& window) {
    std::size_t best = window[0];
    for (const std::size_t i : window)
      if (!std::isnan(xs[best]) && (xs[i] > xs[best] || std::isnan(xs[i]))) best = i;
    ys[at] = xs[best];
    dxs[best] += dys[at];
  });
  EXPECT_TRUE(close(max_pool2d(x_in.detach(), k.kernel, k.options),
                    Tensor::from(ys, k.y(), x_in.dtype()), {0, 0}));
  Tensor x = x_in.detach().set_requires_grad();
  const Tensor y = max_pool2d(x, k.kernel, k.options);
  EXPECT_TRUE(close(y, Tensor::from(ys, k.y(), x.dtype()), {0, 0}));
  EXPECT_TRUE(
      close(gradients(y, {x}, {.output_gradients = {dy}})[0], Tensor::from(dxs, k.x, x.dtype())));
}

TEST(Pool2d, IsTheLoopForRandomShapesAndLayouts) {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    const PoolCase k = random_case(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    const Dtype dtype = seed % 3 == 0 ? Dtype::f64 : Dtype::f32;
    Rng rng(seed);
    const auto xs = layouts(uniform(k.x, rng, dtype)), dys = layouts(uniform(k.y(), rng, dtype));
    for (std::size_t i = 0; i < xs.size(); ++i) {
      SCOPED_TRACE(xs[i].first);
      const Tensor& dy = dys[(i + seed) % dys.size()].second;
      expect_average(k, xs[i].second, dy);
      expect_maximum(k, xs[i].second, dy);
    }
  }
}

TEST(Pool2d, KeepsTheOrder) {
  Rng rng(2);
  const Tensor x = uniform({4, 3, 6, 6}, rng);
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
    Tensor in = in_order(x, order).set_requires_grad();
    for (const Tensor& y : {avg_pool2d(in, 2), max_pool2d(in, 2)}) {
      EXPECT_EQ(order_of(y), order);
      EXPECT_EQ(order_of(gradients(sum(y), {in})[0]), order);
    }
  }
}

TEST(Pool2d, EveryDenseOrderTakesTheSimdKernels) {
  Rng rng(3);
  const Tensor x = uniform({2, 16, 7, 7}, rng);
  const auto kernels_of = [](const Tensor& input) {
    reset_kernel_report();
    const Tensor in = input.detach().set_requires_grad();
    gradients(sum(avg_pool2d(in, 2)) + sum(max_pool2d(in, 3, {.stride = 2})), {in});
    std::string kernels;
    for (const KernelUse& use : kernel_report())
      if (use.operation.find("_pool2d") != std::string::npos) kernels += use.kernel + " ";
    return kernels;
  };
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner})
    EXPECT_EQ(kernels_of(in_order(x, order)), "simd simd simd simd ");
  EXPECT_EQ(kernels_of(in_order(x, Order::rows).to(Dtype::f64)),
            "reference reference reference reference ");
}

/// Of equal values the first counts; NaN counts more than all; padding never does.
TEST(Pool2d, MaximumBreaksTiesAsPyTorch) {
  const float nan = std::nanf("");
  const float values[] = {1,        1,        0,  -1, -1, nan, nan,   -INFINITY, -INFINITY,
                          INFINITY, INFINITY, -3, 2,  2,  2,   -0.0F, 0.0F};
  std::mt19937 engine(4);
  for (const std::int64_t channels : {1, 3, 65}) {
    const PoolCase k{{2, channels, 6, 5}, {3, 2}, {.stride = {1, 2}, .padding = {1, 1}}};
    std::vector<float> data(static_cast<std::size_t>(k.x.numel()));
    for (float& v : data) v = values[engine() % std::size(values)];
    Rng rng(4);
    const Tensor dy = uniform(k.y(), rng);
    for (const auto& [name, x] : layouts(Tensor::from(data, k.x))) {
      SCOPED_TRACE(name);
      expect_maximum(k, x, dy);
    }
    for (const auto& [name, x] : layouts(Tensor::full(k.x, -INFINITY))) expect_maximum(k, x, dy);
    for (const auto& [name, x] : layouts(Tensor::full(k.x, -7))) expect_maximum(k, x, dy);
  }
}

TEST(Pool2d, FollowsPyTorchInCeilMode) {
  // The third window would begin in the padding behind the image: it does not exist.
  EXPECT_EQ(
      max_pool2d(Tensor::zeros({1, 1, 5, 5}), 2, {.stride = 3, .padding = 1, .ceil_mode = true})
          .shape(),
      Shape({1, 1, 2, 2}));
  EXPECT_EQ(max_pool2d(Tensor::zeros({1, 1, 5, 5}), 2, {.ceil_mode = true}).shape(),
            Shape({1, 1, 3, 3}));
  EXPECT_EQ(max_pool2d(Tensor::zeros({1, 1, 5, 5}), 2).shape(), Shape({1, 1, 2, 2}));
  // A window that reaches over is divided by what lies in image and padding.
  const Tensor y = avg_pool2d(Tensor::ones({1, 1, 3, 3}), 2, {.ceil_mode = true});
  EXPECT_TRUE(close(y, std::vector<double>{1, 1, 1, 1}));
}

TEST(Pool2d, HasFirstAndSecondGradients) {
  Rng rng(5);
  // Distinct values far apart: the maximum is smooth around them.
  const Tensor x = Tensor::from(
      [&] {
        Values values(2 * 2 * 5 * 4);
        for (std::size_t i = 0; i < values.size(); ++i)
          values[i] = static_cast<double>(i * 37 % values.size()) / 10;
        return values;
      }(),
      {2, 2, 5, 4});
  const Tensor x64 = x.to(Dtype::f64);
  const Pool2dOptions all[] = {
      {}, {.stride = {1, 2}, .padding = {1, 1}}, {.ceil_mode = true, .count_include_pad = false}};
  for (const Pool2dOptions& options : all) {
    // Squares, so that the second derivative is not 0.
    const auto average = [&](const std::vector<Tensor>& in) {
      return avg_pool2d(in[0] * in[0], {2, 3}, options);
    };
    const auto maximum = [&](const std::vector<Tensor>& in) {
      return max_pool2d(in[0] * in[0], {2, 3}, options);
    };
    const auto linear = [&](const std::vector<Tensor>& in) {
      return max_pool2d(in[0], {2, 3}, options);
    };
    for (const GradientReport& report :
         {check_gradients(average, {x64}), check_second_gradients(average, {x64}),
          check_gradients(maximum, {x64}), check_second_gradients(maximum, {x64}),
          check_gradients(linear, {x64}), check_second_gradients(linear, {x64})})
      EXPECT_TRUE(report.ok) << report.message;
  }
}

/// Third derivatives go through the gathers and scatters of gathers and scatters.
TEST(Pool2d, HasThirdGradients) {
  Rng rng(6);
  const Tensor x = uniform({1, 2, 4, 4}, rng, Dtype::f64);
  for (const bool maximum : {false, true}) {
    const auto f = [&](const std::vector<Tensor>& in) {
      Tensor v = in[0].requires_grad() ? in[0] : in[0].detach().set_requires_grad();
      const Tensor y = maximum ? max_pool2d(v, 2) : avg_pool2d(v, 2);
      return sum(gradients(sum(y * y * y), {v}, {.create_graph = true})[0] * v);
    };
    const GradientReport report = check_second_gradients(f, {x});
    EXPECT_TRUE(report.ok) << report.message;
  }
}

TEST(Pool2d, GivesTheSameBitsOnAnyNumberOfThreads) {
  const int before = num_threads();
  Rng rng(7);
  const Tensor x = uniform({32, 24, 24, 24}, rng);
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
    Tensor in = in_order(x, order).set_requires_grad();
    std::vector<std::vector<float>> first;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const Tensor a = avg_pool2d(in, 3, {.stride = 2, .padding = 1}),
                   m = max_pool2d(in, 3, {.stride = 2, .padding = 1});
      const std::vector<std::vector<float>> now{a.to_vector<float>(), m.to_vector<float>(),
                                                gradients(sum(a * a), {in})[0].to_vector<float>(),
                                                gradients(sum(m * m), {in})[0].to_vector<float>()};
      if (first.empty()) first = now;
      EXPECT_EQ(now, first);
    }
  }
  set_num_threads(before);
}

TEST(Pool2d, TakesEmptyBatchesAndChannels) {
  for (const Shape& shape : {Shape{0, 3, 4, 4}, Shape{3, 0, 4, 4}})
    for (const Order order : {Order::rows, Order::channels_last}) {
      Tensor x = in_order(Tensor::zeros(shape), order).set_requires_grad();
      for (const Tensor& y : {avg_pool2d(x, 2), max_pool2d(x, 2)}) {
        EXPECT_EQ(y.shape(), Shape({shape[0], shape[1], 2, 2}));
        EXPECT_EQ(gradients(sum(y), {x})[0].shape(), shape);
      }
    }
}

TEST(Pool2d, SaysWhatIsWrong) {
  const Tensor x = Tensor::zeros({2, 3, 6, 5});
  const auto shape_error = [](auto&& body) { return message_of<ShapeError>(body); };
  EXPECT_THAT(
      shape_error([&] {
        avg_pool2d(x, {7, 2});
      }),
      AllOf(HasSubstr("avg_pool2d: the kernel's height is 7 but that of the padded x is 6.\n"
                      "  x [2, 3, 6, 5] f32 (N, C, H, W), kernel {7, 2}\n"
                      "  Give a larger image, more padding or a smaller kernel.\n"),
            HasSubstr("pool2d_test.cpp")));
  EXPECT_THAT(shape_error([&] {
                max_pool2d(x, {2, 6});
              }),
              HasSubstr("max_pool2d: the kernel's width is 6 but that of the padded x is 5"));
  EXPECT_THAT(shape_error([&] {
                avg_pool2d(Tensor::zeros({3, 6, 5}), 2);
              }),
              AllOf(HasSubstr("x must have 4 axes but has 3"), HasSubstr("unsqueeze")));
  EXPECT_THAT(shape_error([&] {
                max_pool2d(Tensor::zeros({6, 5}), 2);
              }),
              HasSubstr("x must have 4 axes but has 2"));
  EXPECT_THAT(shape_error([&] { avg_pool2d(x, 0); }),
              HasSubstr("kernel must be at least 1 but is {0, 0}"));
  EXPECT_THAT(shape_error([&] { avg_pool2d(x, 2, {.stride = -1}); }),
              HasSubstr("stride must be at least 0 but is {-1, -1}"));
  EXPECT_THAT(shape_error([&] {
                avg_pool2d(x, 2, {.padding = {-1, 0}});
              }),
              HasSubstr("padding must be at least 0 but is {-1, 0}"));
  EXPECT_THAT(shape_error([&] { max_pool2d(x, 2, {.padding = 2}); }),
              AllOf(HasSubstr("padding must be at most half of the kernel but is {2, 2}"),
                    HasSubstr("pad(x, ...)")));
  EXPECT_THAT(shape_error([&] { avg_pool2d(x, std::int64_t{1} << 33); }),
              HasSubstr("kernel must be below 2^31"));
  EXPECT_THAT(shape_error([&] {
                avg_pool2d(Tensor::zeros({2, 3, 0, 5}), 1);
              }),
              HasSubstr("the kernel's height is 1 but that of the padded x is 0"));
  EXPECT_THAT(shape_error([&] { max_pool2d({}, 2); }),
              HasSubstr("max_pool2d: x is an undefined tensor"));
  EXPECT_THAT(message_of<DtypeError>([&] { max_pool2d(x.to(Dtype::i32), 2); }),
              HasSubstr("x must be f32 or f64 but is i32"));
}

}  // namespace
}  // namespace tenon
