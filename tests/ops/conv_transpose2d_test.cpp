#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/conv2d.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

using testing::HasSubstr;
using Values = std::vector<double>;

constexpr Tolerance kTolerance{2e-5, 3e-5};  // sums of some hundred products in f32

Tensor uniform(const Shape& shape, Rng& rng, Dtype dtype = Dtype::f32) {
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}

/// By the definition: each input pixel adds its stamp, the kernel times its value.
Values stamped(const Tensor& x, const Tensor& w, const Tensor& b, const ConvTranspose2dOptions& o,
               const Shape& y_shape) {
  const Values xs = x.to_vector<double>(), ws = w.to_vector<double>();
  const Values bs =
      b.defined() ? b.to_vector<double>() : Values(static_cast<std::size_t>(y_shape[1]));
  const std::int64_t group_in = x.size(1) / o.groups, group_out = y_shape[1] / o.groups;
  Values ys(static_cast<std::size_t>(y_shape.numel()));
  const auto at = [](const Shape& s, std::int64_t i, std::int64_t j, std::int64_t k,
                     std::int64_t l) {
    return static_cast<std::size_t>(((i * s[1] + j) * s[2] + k) * s[3] + l);
  };
  for (std::int64_t n = 0; n < y_shape[0]; ++n) {
    for (std::int64_t c = 0; c < y_shape[1]; ++c)
      for (std::int64_t i = 0; i < y_shape[2]; ++i)
        for (std::int64_t j = 0; j < y_shape[3]; ++j)
          ys[at(y_shape, n, c, i, j)] = bs[static_cast<std::size_t>(c)];
    for (std::int64_t c = 0; c < x.size(1); ++c)
      for (std::int64_t i = 0; i < x.size(2); ++i)
        for (std::int64_t j = 0; j < x.size(3); ++j)
          for (std::int64_t out = 0; out < group_out; ++out)
            for (std::int64_t k = 0; k < w.size(2); ++k)
              for (std::int64_t l = 0; l < w.size(3); ++l) {
                const std::int64_t row =
                    i * o.stride.height - o.padding.height + k * o.dilation.height;
                const std::int64_t col =
                    j * o.stride.width - o.padding.width + l * o.dilation.width;
                if (row < 0 || row >= y_shape[2] || col < 0 || col >= y_shape[3]) continue;
                ys[at(y_shape, n, c / group_in * group_out + out, row, col)] +=
                    xs[at(x.shape(), n, c, i, j)] * ws[at(w.shape(), c, out, k, l)];
              }
  }
  return ys;
}

TEST(ConvTranspose2d, StampsTheKernelForRandomShapes) {
  for (std::uint32_t seed = 1; seed <= 80; ++seed) {
    std::mt19937 engine(seed);
    const auto pick = [&](std::int64_t low, std::int64_t high) {
      return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
    };
    ConvTranspose2dOptions o;
    o.groups = pick(0, 3) == 0 ? pick(2, 4) : 1;
    const Shape x_shape{pick(1, 3), o.groups * pick(1, 6), pick(1, 6), pick(1, 6)};
    const Shape w_shape{x_shape[1], pick(1, 9), pick(1, 4), pick(1, 4)};
    o.stride = {pick(1, 3), pick(1, 3)};
    o.dilation = {pick(1, 2), pick(1, 2)};
    o.output_padding = {pick(0, std::max(o.stride.height, o.dilation.height) - 1),
                        pick(0, std::max(o.stride.width, o.dilation.width) - 1)};
    o.padding = {pick(0, w_shape[2] - 1), pick(0, w_shape[3] - 1)};
    const Shape y_shape{x_shape[0], w_shape[1] * o.groups,
                        (x_shape[2] - 1) * o.stride.height - 2 * o.padding.height +
                            o.dilation.height * (w_shape[2] - 1) + o.output_padding.height + 1,
                        (x_shape[3] - 1) * o.stride.width - 2 * o.padding.width +
                            o.dilation.width * (w_shape[3] - 1) + o.output_padding.width + 1};
    if (y_shape[2] < 1 || y_shape[3] < 1) continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + ": x " + to_string(x_shape) + ", w " +
                 to_string(w_shape));
    const Dtype dtype = seed % 3 == 0 ? Dtype::f64 : Dtype::f32;
    Rng rng(seed);
    const Tensor x = uniform(x_shape, rng, dtype), w = uniform(w_shape, rng, dtype);
    const Tensor b = seed % 2 == 0 ? Tensor() : uniform({y_shape[1]}, rng, dtype);
    const Tensor want = Tensor::from(stamped(x, w, b, o, y_shape), y_shape, dtype);
    const auto xs = layouts(x), ws = layouts(w);
    EXPECT_TRUE(close(conv_transpose2d(xs[seed % 4].second, ws[seed / 4 % 4].second, b, o), want,
                      dtype == Dtype::f32 ? kTolerance : tolerance_of(dtype)));
  }
}

/// <conv_transpose(x), y> = <x, conv(y)>, and the gradients that follow from it.
TEST(ConvTranspose2d, IsTheTransposeOfConv2d) {
  Rng rng(2);
  const Tensor x = uniform({2, 4, 5, 4}, rng, Dtype::f64),
               w = uniform({4, 3, 3, 2}, rng, Dtype::f64);
  const Tensor y =
      conv_transpose2d(x, w, {}, {.stride = {2, 1}, .padding = {1, 0}, .output_padding = {1, 0}});
  const Tensor z = uniform(y.shape(), rng, Dtype::f64);
  const Tensor back = conv2d(z, w, {}, {.stride = {2, 1}, .padding = {1, 0}});
  ASSERT_EQ(back.shape(), x.shape());
  EXPECT_NEAR(sum(y * z).item<double>(), sum(x * back).item<double>(), 1e-10);
}

TEST(ConvTranspose2d, HasFirstAndSecondGradients) {
  struct Case {
    Shape x, w;
    ConvTranspose2dOptions options;
  };
  const Case cases[] = {
      {{2, 2, 3, 3}, {2, 3, 3, 2}, {.stride = {2, 1}, .padding = {1, 0}, .output_padding = {1, 0}}},
      {{1, 4, 3, 2}, {4, 1, 2, 2}, {.dilation = {1, 2}, .groups = 2}}};
  for (const Case& c : cases) {
    Rng rng(3);
    const Tensor x = uniform(c.x, rng, Dtype::f64), w = uniform(c.w, rng, Dtype::f64);
    const Tensor b = uniform({c.w[1] * c.options.groups}, rng, Dtype::f64);
    const auto f = [&](const std::vector<Tensor>& in) {
      return conv_transpose2d(in[0], in[1], in[2], c.options);
    };
    const GradientReport first = check_gradients(f, {x, w, b}),
                         second = check_second_gradients(f, {x, w, b});
    EXPECT_TRUE(first.ok) << first.message;
    EXPECT_TRUE(second.ok) << second.message;
  }
}

TEST(ConvTranspose2d, GivesTheGradientsThatAreNeeded) {
  for (int mask = 1; mask < 8; ++mask) {
    SCOPED_TRACE(mask);
    Rng rng(4);
    std::vector<Tensor> in{uniform({2, 3, 4, 4}, rng), uniform({3, 5, 3, 3}, rng),
                           uniform({5}, rng)};
    std::vector<Tensor> in64, wanted, wanted64;
    for (std::size_t i = 0; i < 3; ++i) {
      in64.push_back(in[i].to(Dtype::f64).clone());
      if (mask >> i & 1) {
        wanted.push_back(in[i].set_requires_grad());
        wanted64.push_back(in64[i].set_requires_grad());
      }
    }
    const auto y = conv_transpose2d(in[0], in[1], in[2], {.stride = 2});
    const auto y64 = conv_transpose2d(in64[0], in64[1], in64[2], {.stride = 2});
    const auto got = gradients(sum(y * y), wanted), want = gradients(sum(y64 * y64), wanted64);
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(close(got[i], want[i].to(Dtype::f32), {2e-5, 2e-4}));
  }
}

TEST(ConvTranspose2d, TakesEmptyBatches) {
  Tensor x = Tensor::zeros({0, 3, 4, 4}).set_requires_grad(),
         w = Tensor::ones({3, 2, 3, 3}).set_requires_grad();
  const Tensor y = conv_transpose2d(x, w, Tensor::ones({2}));
  EXPECT_EQ(y.shape(), Shape({0, 2, 6, 6}));
  EXPECT_TRUE(close(gradients(sum(y), {w})[0], Tensor::zeros({3, 2, 3, 3})));
}

TEST(ConvTranspose2d, SaysWhatIsWrong) {
  const Tensor x = Tensor::zeros({2, 4, 6, 6}), w = Tensor::zeros({4, 3, 3, 3});
  const auto shape_error = [](auto&& body) { return message_of<ShapeError>(body); };
  EXPECT_THAT(shape_error([&] {
                conv_transpose2d(Tensor::zeros({2, 3, 6, 6}), w);
              }),
              AllOf(HasSubstr("conv_transpose2d: x has 3 channels but w expects 4.\n"
                              "  x [2, 3, 6, 6] f32 (N, C, H, W)\n"
                              "  w [4, 3, 3, 3] f32 (C_in, C_out / groups, K_h, K_w), groups = 1\n"
                              "  Give x 4 channels, or build w with C_in = 3."),
                    HasSubstr("conv_transpose2d_test.cpp")));
  EXPECT_THAT(shape_error([&] {
                conv_transpose2d(Tensor::zeros({6, 6}), w);
              }),
              HasSubstr("x must have 4 axes but has 2"));
  EXPECT_THAT(shape_error([&] { conv_transpose2d(x, w, {}, {.groups = 3}); }),
              AllOf(HasSubstr("4 channels do not divide into 3 groups"),
                    HasSubstr("Choose groups that divide it.")));
  EXPECT_THAT(shape_error([&] { conv_transpose2d(x, w, Tensor::zeros({4})); }),
              HasSubstr("b must be [3] but is [4]"));
  EXPECT_THAT(shape_error([&] { conv_transpose2d(x, w, {}, {.output_padding = 1}); }),
              HasSubstr("output_padding {1, 1} must be smaller than the larger of stride {1, 1} "
                        "and dilation {1, 1}"));
  EXPECT_THAT(shape_error([&] { conv_transpose2d(x, w, {}, {.output_padding = -1}); }),
              HasSubstr("output_padding must be at least 0"));
  EXPECT_THAT(shape_error([&] { conv_transpose2d(x, w, {}, {.padding = 4}); }),
              HasSubstr("padding 4 leaves nothing of the output's height"));
  EXPECT_THAT(shape_error([&] {
                conv_transpose2d(x, w, {}, {.stride = {0, 1}});
              }),
              HasSubstr("stride must be at least 1"));
  EXPECT_THAT(shape_error([&] { conv_transpose2d(x, w, {}, {.stride = std::int64_t{1} << 30}); }),
              HasSubstr("the output's height is 2^31 or more"));
  EXPECT_THAT(shape_error([&] { conv_transpose2d(x, w, {}, {.groups = std::int64_t{1} << 62}); }),
              HasSubstr("groups"));
  EXPECT_THAT(shape_error([&] {
                conv_transpose2d(Tensor::zeros({2, 4, 0, 6}), w);
              }),
              HasSubstr("the height of x is 0"));
  EXPECT_THAT(message_of<DtypeError>([&] { conv_transpose2d(x, w.to(Dtype::f64)); }),
              HasSubstr("x is f32 but w is f64"));
  EXPECT_THAT(message_of<DtypeError>([&] { conv_transpose2d(x.to(Dtype::u8), w); }),
              HasSubstr("x must be f32 or f64"));
}

}  // namespace
}  // namespace tenon
