#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>

#include "kernels/conv2d_kernels.h"
#include "tenon/kernels/simd/conv2d.h"

namespace tenon::kernels {
namespace {

constexpr ConvKernels kDirect{simd::conv2d, simd::conv2d_input_gradient,
                              simd::conv2d_weight_gradient};

/// Any channels, small enough for the definition.
ConvCase random_case(std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
  };
  while (true) {
    ConvCase k;
    const std::int64_t batches[] = {1, 8, 16, 32, 48, pick(1, 40), pick(1, 40), pick(1, 8)};
    k.n = batches[pick(0, 7)];
    const std::int64_t kind = pick(0, 5);  // 0: depthwise, 1: grouped
    k.groups = kind == 0 ? pick(2, 20) : kind == 1 ? pick(2, 3) : 1;
    k.c = k.groups * (kind == 0 ? 1 : pick(1, 9));
    k.co = k.groups * (kind == 0 ? pick(1, 2) : pick(1, 20));
    k.h = pick(1, 14), k.w = pick(1, pick(0, 3) == 0 ? 40 : 14);
    k.kh = pick(1, 5), k.kw = pick(1, pick(0, 5) == 0 ? 11 : 5);
    k.sh = pick(1, 3), k.sw = pick(0, 1) == 0 ? 1 : pick(2, 4);
    k.dh = pick(1, 2), k.dw = pick(1, 2);
    if (pick(0, 2) > 0)
      k.top = pick(0, 3), k.left = pick(0, 3), k.bottom = pick(0, 3), k.right = pick(0, 3);
    if (k.h + k.top + k.bottom < k.dh * (k.kh - 1) + 1) continue;
    if (k.w + k.left + k.right < k.dw * (k.kw - 1) + 1) continue;
    if (k.y_shape().numel() * (k.c / k.groups) * k.kh * k.kw <= 1500000) return k;
  }
}

TEST(Conv2dSimd, IsTheConvolutionOnEveryInstructionSet) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const ConvCase k = random_case(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    ASSERT_TRUE(simd::conv2d_takes(geometry_of(k)));
    expect_the_convolution(kDirect, k, seed, false);
    if (HasFailure()) return;
  }
}

/// Without padding a NaN reaches the sums that read it, and no others.
TEST(Conv2dSimd, NanReachesWhatReadsIt) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    ConvCase k = random_case(2000 + seed);
    if (k.h < k.dh * (k.kh - 1) + 1 || k.w < k.dw * (k.kw - 1) + 1) continue;
    k.top = k.bottom = k.left = k.right = 0;
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    std::mt19937 engine(seed);
    Doubles xs = random_values(k.x_shape().numel(), engine);
    Doubles dys = random_values(k.y_shape().numel(), engine);
    const Doubles ws = random_values(k.w_shape().numel(), engine);
    xs[engine() % xs.size()] = dys[engine() % dys.size()] = NAN;
    const ConvGeometry g = geometry_of(k);
    const Floats x = batch_inner(xs, k.n), w = to_floats(ws), dy = batch_inner(dys, k.n);
    const auto same_nan = [](const Floats& got, const Floats& want) {
      for (std::size_t i = 0; i < want.size(); ++i)
        if (std::isnan(got[i]) != std::isnan(want[i])) return false;
      return true;
    };
    for_each_target([&] {
      Floats y(dy.size()), dx(x.size()), dw(w.size());
      simd::conv2d(g, x.data(), w.data(), nullptr, Activation::relu, y.data());
      EXPECT_TRUE(same_nan(y, batch_inner(k.forward(xs, ws, {}), k.n)));
      simd::conv2d_input_gradient(g, dy.data(), w.data(), dx.data());
      EXPECT_TRUE(same_nan(dx, batch_inner(k.input_gradient(dys, ws), k.n)));
      simd::conv2d_weight_gradient(g, x.data(), dy.data(), dw.data(), nullptr);
      EXPECT_TRUE(same_nan(dw, to_floats(k.weight_gradient(xs, dys))));
    });
    if (HasFailure()) return;
  }
}

TEST(Conv2dSimd, ActivatesWithTheBitsOfASeparatePass) {
  const Activation all[] = {Activation::tanh,       Activation::sigmoid, Activation::relu,
                            Activation::leaky_relu, Activation::elu,     Activation::gelu,
                            Activation::silu};
  for (std::uint32_t seed = 0; seed < 14; ++seed) {
    const ConvCase k = random_case(1000 + seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    expect_bits_of_a_separate_activation(kDirect, k, seed, false, all[seed % 7]);
  }
}

TEST(Conv2dSimd, GivesTheSameBitsOnAnyNumberOfThreads) {
  const ConvCase cases[] = {{.n = 128, .c = 6, .h = 12, .w = 12, .co = 16, .kh = 5, .kw = 5},
                            {.n = 33,
                             .c = 3,
                             .h = 40,
                             .w = 30,
                             .co = 20,
                             .kh = 7,
                             .kw = 7,
                             .sh = 2,
                             .sw = 2,
                             .top = 3,
                             .bottom = 3,
                             .left = 3,
                             .right = 3},
                            {.n = 40,
                             .c = 24,
                             .h = 20,
                             .w = 20,
                             .co = 24,
                             .kh = 3,
                             .kw = 3,
                             .top = 1,
                             .bottom = 1,
                             .left = 1,
                             .right = 1,
                             .groups = 24}};
  for (const ConvCase& k : cases) {
    SCOPED_TRACE(k.text());
    expect_same_bits_on_any_threads(kDirect, k);
  }
}

TEST(Conv2dSimd, LeavesEmptyTensorsAndLargeKernelsAlone) {
  const ConvCase good{.n = 3, .c = 3, .h = 50, .w = 5, .co = 2, .kh = 3, .kw = 3};
  EXPECT_TRUE(simd::conv2d_takes(geometry_of(good)));
  ConvCase k = good;
  k.n = 0;
  EXPECT_FALSE(simd::conv2d_takes(geometry_of(k)));
  k = good, k.kh = 33;
  EXPECT_FALSE(simd::conv2d_takes(geometry_of(k)));
}

}  // namespace
}  // namespace tenon::kernels
