#include "tenon/nn/conv2d.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/nn/conv_transpose2d.h"
#include "tenon/nn/init.h"
#include "tenon/nn/pool2d.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

void expect_gradients_everywhere(nn::Module& layer, const Tensor& x) {
  sum(square(layer(x) - 0.3)).backward();
  for (auto [name, tensor] : layer.parameters()) {
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_GT(sum(abs(tensor.grad())).item<double>(), 1e-3) << name;
  }
}

void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

/// Values of a rank 4 tensor by index; zero outside of the last two axes.
struct Images {
  explicit Images(const Tensor& x) : values(x.to_vector<double>()), shape(x.shape()) {}
  double at(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) const {
    if (h < 0 || w < 0 || h >= shape[2] || w >= shape[3]) return 0;
    return values[static_cast<std::size_t>(((n * shape[1] + c) * shape[2] + h) * shape[3] + w)];
  }
  std::vector<double> values;
  Shape shape;
};

TEST(Conv2d, IsACrossCorrelationWithAllOptions) {
  Rng rng(1);
  nn::Conv2d layer(4, 6, {3, 2}, rng,
                   {.stride = {2, 1},
                    .padding = {1, 2},
                    .dilation = {1, 2},
                    .groups = 2,
                    .activation = Activation::sigmoid});
  nn::init::lecun_normal(layer.weight(), rng);
  nn::init::constant(layer.bias(), 0.25);
  const Tensor x = Tensor::normal({2, 4, 6, 5}, rng);
  const Images in(x), w(layer.weight());
  ASSERT_EQ(w.shape, Shape({6, 2, 3, 2}));
  std::vector<double> want;
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t o = 0; o < 6; ++o)
      for (std::int64_t h = 0; h < 3; ++h)
        for (std::int64_t v = 0; v < 7; ++v) {
          double y = 0.25;
          for (std::int64_t c = 0; c < 2; ++c)
            for (std::int64_t kh = 0; kh < 3; ++kh)
              for (std::int64_t kw = 0; kw < 2; ++kw)
                y += in.at(n, o / 3 * 2 + c, h * 2 - 1 + kh, v - 2 + 2 * kw) * w.at(o, c, kh, kw);
          want.push_back(1 / (1 + std::exp(-y)));
        }
  for (const auto& [name, view] : layouts(x)) {
    const Tensor y = layer(view);
    ASSERT_EQ(y.shape(), Shape({2, 6, 3, 7})) << name;
    EXPECT_TRUE(close(y, want)) << name;
  }
  expect_gradients_everywhere(layer, x);
}

TEST(Conv2d, HasNamedParametersAndAnOptionalBias) {
  Rng rng(2);
  nn::Conv2d layer(3, 8, 5, rng);
  EXPECT_EQ(layer.parameters()[0].name, "weight");
  EXPECT_EQ(layer.parameters()[1].name, "bias");
  EXPECT_TRUE(close(layer.bias().detach(), Tensor::zeros({8}), {0, 0}));
  EXPECT_LE(max(abs(layer.weight())).item<double>(), std::sqrt(6.0 / (75 + 200)));
  nn::Conv2d plain(3, 8, 5, rng, {.bias = false});
  EXPECT_EQ(plain.parameters().size(), 1U);
  EXPECT_FALSE(plain.bias().defined());
  nn::Conv2d same(1, 2, 3, rng, {.padding = Padding::same});
  EXPECT_EQ(same(Tensor::ones({1, 1, 7, 4})).shape(), Shape({1, 2, 7, 4}));
}

TEST(Conv2d, RefusesBadArguments) {
  Rng rng(3);
  const auto conv = [&](std::int64_t in, std::int64_t out, Size2 kernel,
                        const nn::Conv2dOptions& options) {
    return message_of<ShapeError>([&] { nn::Conv2d(in, out, kernel, rng, options); });
  };
  expect_says(conv(0, 1, 1, {}), "Conv2d: in_channels must be at least 1 but is 0");
  expect_says(conv(1, -2, 1, {}), "out_channels must be at least 1 but is -2");
  expect_says(conv(1, 1, {3, 0}, {}), "kernel must be at least 1 but is 3 x 0");
  expect_says(conv(1, 1, 1, {.stride = {0, 1}}), "stride must be at least 1 but is 0 x 1");
  expect_says(conv(1, 1, 1, {.padding = -1}), "padding must be at least 0 but is -1 x -1");
  expect_says(conv(1, 1, 1, {.dilation = 0}), "dilation must be at least 1");
  expect_says(conv(1, 1, 1, {.groups = 0}), "groups must be at least 1 but is 0");
  expect_says(conv(4, 3, 1, {.groups = 2}),
              "in_channels 4 and out_channels 3 must both be divisible by groups 2");
  expect_says(conv(3, 4, 1, {.groups = 2}), "in_channels 3 and out_channels 4");
}

TEST(ConvTranspose2d, ScattersEachPixelTimesTheKernel) {
  Rng rng(4);
  nn::ConvTranspose2d layer(4, 6, {3, 2}, rng,
                            {.stride = {2, 3},
                             .padding = {1, 0},
                             .output_padding = {1, 0},
                             .dilation = {1, 2},
                             .groups = 2});
  nn::init::constant(layer.bias(), 0.25);
  const Tensor x = Tensor::normal({2, 4, 3, 2}, rng);
  const Images in(x), w(layer.weight());
  ASSERT_EQ(w.shape, Shape({4, 3, 3, 2}));
  const std::int64_t height = 2 * 2 - 2 + 2 + 1 + 1, width = 3 + 2 + 1;
  std::vector<double> want(static_cast<std::size_t>(2 * 6 * height * width), 0.25);
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t c = 0; c < 4; ++c)
      for (std::int64_t h = 0; h < 3; ++h)
        for (std::int64_t v = 0; v < 2; ++v)
          for (std::int64_t o = 0; o < 3; ++o)
            for (std::int64_t kh = 0; kh < 3; ++kh)
              for (std::int64_t kw = 0; kw < 2; ++kw) {
                const std::int64_t row = h * 2 - 1 + kh, column = v * 3 + 2 * kw;
                if (row < 0 || row >= height || column >= width) continue;
                want[static_cast<std::size_t>(((n * 6 + c / 2 * 3 + o) * height + row) * width +
                                              column)] += in.at(n, c, h, v) * w.at(c, o, kh, kw);
              }
  for (const auto& [name, view] : layouts(x)) {
    const Tensor y = layer(view);
    ASSERT_EQ(y.shape(), Shape({2, 6, height, width})) << name;
    EXPECT_TRUE(close(y, want)) << name;
  }
  expect_gradients_everywhere(layer, x);
  EXPECT_FALSE(nn::ConvTranspose2d(1, 1, 1, rng, {.bias = false}).bias().defined());
}

TEST(ConvTranspose2d, RefusesBadArguments) {
  Rng rng(5);
  const auto conv = [&](std::int64_t in, std::int64_t out,
                        const nn::ConvTranspose2dOptions& options) {
    return message_of<ShapeError>([&] { nn::ConvTranspose2d(in, out, 3, rng, options); });
  };
  expect_says(conv(0, 1, {}), "ConvTranspose2d: in_channels must be at least 1 but is 0");
  expect_says(conv(1, 0, {}), "out_channels must be at least 1 but is 0");
  expect_says(conv(1, 1, {.stride = 0}), "stride must be at least 1");
  expect_says(conv(1, 1, {.padding = {0, -1}}), "padding must be at least 0 but is 0 x -1");
  expect_says(conv(1, 1, {.output_padding = -1}), "output_padding must be at least 0");
  expect_says(conv(1, 1, {.dilation = 0}), "dilation must be at least 1");
  expect_says(conv(4, 3, {.groups = 2}), "must both be divisible by groups 2");
}

TEST(Pool2d, ReducesWindows) {
  Rng rng(6);
  nn::AvgPool2d average(2);
  nn::MaxPool2d greatest({3, 2}, {.stride = {2, 1}, .padding = {1, 1}});
  const Tensor x = Tensor::normal({2, 3, 5, 4}, rng);
  const Images in(x);
  std::vector<double> averages, maxima;
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t h = 0; h < 2; ++h)
        for (std::int64_t w = 0; w < 2; ++w)
          averages.push_back((in.at(n, c, 2 * h, 2 * w) + in.at(n, c, 2 * h, 2 * w + 1) +
                              in.at(n, c, 2 * h + 1, 2 * w) + in.at(n, c, 2 * h + 1, 2 * w + 1)) /
                             4);
      for (std::int64_t h = 0; h < 3; ++h)
        for (std::int64_t w = 0; w < 5; ++w) {
          double most = -HUGE_VAL;
          for (std::int64_t i = 2 * h - 1; i < 2 * h + 2; ++i)
            for (std::int64_t j = w - 1; j < w + 1; ++j)
              if (i >= 0 && i < 5 && j >= 0 && j < 4) most = std::max(most, in.at(n, c, i, j));
          maxima.push_back(most);
        }
    }
  for (const auto& [name, view] : layouts(x)) {
    EXPECT_TRUE(close(average(view), averages)) << name;
    EXPECT_TRUE(close(greatest(view), maxima)) << name;
  }
  EXPECT_TRUE(average.parameters().empty());
}

TEST(Pool2d, RefusesBadArguments) {
  expect_says(message_of<ShapeError>([] { nn::AvgPool2d(0); }),
              "AvgPool2d: kernel must be at least 1");
  expect_says(message_of<ShapeError>([] { nn::MaxPool2d(2, {.stride = -1}); }),
              "MaxPool2d: stride must be at least 0");
  expect_says(message_of<ShapeError>([] { nn::MaxPool2d(2, {.padding = -1}); }),
              "padding must be at least 0");
  expect_says(message_of<ShapeError>([] {
                nn::MaxPool2d({4, 2}, {.padding = {2, 2}});
              }),
              "padding 2 x 2 is more than half of the kernel 4 x 2");
}

}  // namespace
}  // namespace tenon
