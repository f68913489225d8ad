#include "tenon/kernels/simd/conv2d_blocked.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "kernels/conv2d_kernels.h"

namespace tenon::kernels {
namespace {

constexpr ConvKernels kBlocked{simd::conv2d_blocked, simd::conv2d_blocked_input_gradient,
                               simd::conv2d_blocked_weight_gradient};

/// At least 16 channels a group; small enough for the definition.
ConvCase random_blocked_case(std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
  };
  while (true) {
    ConvCase k;
    const std::int64_t batches[] = {1, 8, 16, 32, pick(129, 140), pick(1, 40), pick(1, 40)};
    k.n = batches[pick(0, 6)];
    k.groups = pick(0, 4) == 0 ? 2 : 1;
    k.c = k.groups * pick(16, pick(0, 2) == 0 ? 75 : 24);
    k.co = k.groups * pick(16, pick(0, 2) == 0 ? 75 : 24);
    k.h = pick(1, 12), k.w = pick(1, pick(0, 3) == 0 ? 40 : 12);
    k.kh = pick(1, 5), k.kw = pick(1, 5);
    k.sh = pick(1, 3), k.sw = pick(1, 3);
    k.dh = pick(1, 2), k.dw = pick(1, 2);
    k.top = pick(0, 3), k.left = pick(0, 3), k.bottom = pick(0, 3), k.right = pick(0, 3);
    if (k.h + k.top + k.bottom < k.dh * (k.kh - 1) + 1) continue;
    if (k.w + k.left + k.right < k.dw * (k.kw - 1) + 1) continue;
    if (k.y_shape().numel() * (k.c / k.groups) * k.kh * k.kw <= 1500000) return k;
  }
}

TEST(Conv2dBlocked, IsTheConvolutionOnEveryInstructionSet) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const ConvCase k = random_blocked_case(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    ASSERT_TRUE(simd::conv2d_blocked_takes(geometry_of(k)));
    expect_the_convolution(kBlocked, k, seed, seed % 3 == 0);
    if (HasFailure()) return;
  }
}

TEST(Conv2dBlocked, ActivatesWithTheBitsOfASeparatePass) {
  const Activation all[] = {Activation::tanh,       Activation::sigmoid, Activation::relu,
                            Activation::leaky_relu, Activation::elu,     Activation::gelu,
                            Activation::silu};
  for (std::uint32_t seed = 0; seed < 14; ++seed) {
    const ConvCase k = random_blocked_case(1000 + seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    expect_bits_of_a_separate_activation(kBlocked, k, seed, true, all[seed % 7]);
  }
}

TEST(Conv2dBlocked, GivesTheSameBitsOnAnyNumberOfThreads) {
  const ConvCase cases[] = {
      {.n = 40,
       .c = 18,
       .h = 9,
       .w = 40,
       .co = 35,
       .kh = 3,
       .kw = 3,
       .top = 1,
       .bottom = 1,
       .left = 1,
       .right = 1},
      {.n = 16, .c = 40, .h = 30, .w = 8, .co = 80, .kh = 3, .kw = 2, .sh = 2, .sw = 2},
      {.n = 130, .c = 32, .h = 6, .w = 5, .co = 32, .kh = 3, .kw = 3, .groups = 2}};
  for (const ConvCase& k : cases) {
    SCOPED_TRACE(k.text());
    expect_same_bits_on_any_threads(kBlocked, k);
  }
}

TEST(Conv2dBlocked, LeavesFewChannelsAndEmptyTensorsAlone) {
  const ConvCase good{.n = 3, .c = 32, .h = 5, .w = 5, .co = 32, .kh = 3, .kw = 3, .groups = 2};
  EXPECT_TRUE(simd::conv2d_blocked_takes(geometry_of(good)));
  ConvCase k = good;
  k.c = 30;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
  k = good, k.co = 30;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
  k = good, k.n = 0;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
  k = good, k.h = 40, k.kh = 33;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
}

}  // namespace
}  // namespace tenon::kernels
