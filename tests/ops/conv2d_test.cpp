#include "tenon/ops/conv2d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ops/conv_oracle.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/kernel_report.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

Tensor uniform(const Shape& shape, Rng& rng, Dtype dtype = Dtype::f32) {
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}
std::vector<double> values(const Tensor& x) { return x.to_vector<double>(); }
Tolerance tolerance(Dtype dtype) {
  return dtype == Dtype::f32 ? kConvTolerance : tolerance_of(dtype);
}

/// y and all three gradients against the loop.
void expect_like_the_loop(const ConvCase& k, const Tensor& x, const Tensor& w, const Tensor& b,
                          const Tensor& dy) {
  Tensor xg = x, wg = w, bg = b;
  for (Tensor* t : {&xg, &wg, &bg})
    if (t->defined()) t->set_requires_grad();
  const Tensor y = conv2d(xg, wg, bg, k.options());
  const Tolerance t = tolerance(x.dtype());
  EXPECT_TRUE(close(
      y,
      Tensor::from(k.forward(values(x), values(w), b.defined() ? values(b) : std::vector<double>{}),
                   k.y_shape(), x.dtype()),
      t));
  std::vector<Tensor> inputs{xg, wg};
  if (b.defined()) inputs.push_back(bg);
  const std::vector<Tensor> d = gradients(y, inputs, {.output_gradients = {dy}});
  EXPECT_TRUE(close(
      d[0], Tensor::from(k.input_gradient(values(dy), values(w)), k.x_shape(), x.dtype()), t));
  EXPECT_TRUE(close(
      d[1], Tensor::from(k.weight_gradient(values(x), values(dy)), k.w_shape(), x.dtype()), t));
  EXPECT_TRUE(has_order(d[1], Order::rows));
  if (b.defined()) {
    EXPECT_TRUE(close(d[2], Tensor::from(k.bias_gradient(values(dy)), {k.co}, x.dtype()), t));
  }
}

TEST(Conv2d, IsTheLoopForRandomShapes) {
  for (std::uint32_t seed = 1; seed <= 120; ++seed) {
    const ConvCase k = random_conv_case(seed, true);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    const Dtype dtype = seed % 3 == 0 ? Dtype::f64 : Dtype::f32;
    Rng rng(seed);
    const Tensor x = uniform(k.x_shape(), rng, dtype), w = uniform(k.w_shape(), rng, dtype);
    const Tensor b = seed % 4 == 0 ? Tensor() : uniform({k.co}, rng, dtype);
    const Tensor dy = uniform(k.y_shape(), rng, dtype);
    const auto xs = layouts(x), ws = layouts(w), dys = layouts(dy);
    expect_like_the_loop(k, xs[seed % 4].second, ws[seed / 4 % 4].second,
                         b.defined() ? sliced(b) : b, dys[seed / 16 % 4].second);
  }
}

TEST(Conv2d, TakesEveryLayout) {
  const ConvCase k{
      .n = 3, .c = 5, .h = 6, .w = 7, .co = 4, .kh = 3, .kw = 2, .top = 1, .bottom = 1};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Rng rng(5);
    const Tensor b = uniform({k.co}, rng, dtype);
    for (const auto& [x_name, x] : layouts(uniform(k.x_shape(), rng, dtype)))
      for (const auto& [w_name, w] : layouts(uniform(k.w_shape(), rng, dtype)))
        for (const auto& [dy_name, dy] : layouts(uniform(k.y_shape(), rng, dtype))) {
          SCOPED_TRACE("x " + x_name + ", w " + w_name + ", dy " + dy_name);
          expect_like_the_loop(k, x, w, b, dy);
        }
  }
}

TEST(Conv2d, TakesExpandedOperands) {
  const ConvCase k{.n = 3, .c = 2, .h = 5, .w = 5, .co = 4, .kh = 3, .kw = 3};
  Rng rng(6);
  const Tensor x = expand(uniform({1, 2, 5, 1}, rng), k.x_shape()),
               w = expand(uniform({4, 1, 1, 3}, rng), k.w_shape());
  const Tensor b = expand(uniform({1}, rng), {4}),
               dy = expand(uniform({1, 1, 1, 1}, rng), k.y_shape());
  expect_like_the_loop(k, x, w, b, dy);
}

TEST(Conv2d, PadsSameWithTheOddPixelAtTheEnd) {
  const ConvCase k{.n = 2,
                   .c = 3,
                   .h = 7,
                   .w = 8,
                   .co = 4,
                   .kh = 4,
                   .kw = 3,
                   .sh = 1,
                   .sw = 2,
                   .top = 1,
                   .bottom = 2,
                   .left = 0,
                   .right = 1};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Rng rng(7);
    Tensor x = uniform(k.x_shape(), rng, dtype).set_requires_grad(),
           w = uniform(k.w_shape(), rng, dtype).set_requires_grad();
    const Tensor y = conv2d(x, w, {}, {.stride = {1, 2}, .padding = Padding::same});
    EXPECT_EQ(y.shape(), Shape({2, 4, 7, 4}));
    EXPECT_TRUE(close(y, Tensor::from(k.forward(values(x), values(w), {}), k.y_shape(), dtype),
                      tolerance(dtype)));
    const Tensor dy = uniform(k.y_shape(), rng, dtype);
    const auto d = gradients(y, {x, w}, {.output_gradients = {dy}});
    EXPECT_TRUE(close(d[0],
                      Tensor::from(k.input_gradient(values(dy), values(w)), k.x_shape(), dtype),
                      tolerance(dtype)));
    EXPECT_TRUE(close(d[1],
                      Tensor::from(k.weight_gradient(values(x), values(dy)), k.w_shape(), dtype),
                      tolerance(dtype)));
  }
  EXPECT_EQ(conv2d(Tensor::zeros({1, 1, 5, 5}), Tensor::zeros({1, 1, 3, 3}), {},
                   {.padding = Padding::valid})
                .shape(),
            Shape({1, 1, 3, 3}));
}

double activated(double x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::relu: return std::max(x, 0.0);
    case Activation::leaky_relu: return x > 0 ? x : 0.01 * x;
    case Activation::elu: return x > 0 ? x : std::exp(x) - 1;
    case Activation::gelu: return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::silu: return x / (1 + std::exp(-x));
  }
  return 0;
}
constexpr Activation kActivations[] = {
    Activation::none,       Activation::tanh, Activation::sigmoid, Activation::relu,
    Activation::leaky_relu, Activation::elu,  Activation::gelu,    Activation::silu};

TEST(Conv2d, AppliesEveryActivation) {
  const ConvCase k{.n = 2, .c = 3, .h = 6, .w = 5, .co = 17, .kh = 3, .kw = 3};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(static_cast<int>(activation));
      Rng rng(8);
      Tensor x = uniform(k.x_shape(), rng, dtype), w = uniform(k.w_shape(), rng, dtype),
             b = uniform({k.co}, rng, dtype);
      std::vector<double> want = k.forward(values(x), values(w), values(b));
      for (double& v : want) v = activated(v, activation);
      Conv2dOptions options = k.options();
      options.activation = activation;
      const Tensor plain = conv2d(x, w, b, options);
      EXPECT_TRUE(close(plain, Tensor::from(want, k.y_shape(), dtype), tolerance(dtype)));
      w.set_requires_grad();
      EXPECT_TRUE(close(conv2d(x, w, b, options), Tensor::from(want, k.y_shape(), dtype),
                        tolerance(dtype)));
    }
}

TEST(Conv2d, ActivationsKeepNaNAndInfinity) {
  const float nan = std::nanf(""), inf = INFINITY;
  const Tensor x = Tensor::from({nan, inf, -inf, 1e-8F, -1e-8F, 2.0F}, {1, 1, 1, 6});
  const Tensor w = Tensor::ones({16, 1, 1, 1});
  for (const Activation activation : kActivations) {
    SCOPED_TRACE(static_cast<int>(activation));
    const std::vector<float> y = conv2d(x, w, {}, {.activation = activation}).to_vector<float>();
    EXPECT_TRUE(std::isnan(y[0]));
    const std::vector<double> in{0, INFINITY, -INFINITY, 1e-8, -1e-8, 2};
    for (std::size_t i = 1; i < in.size(); ++i) {
      double want = activated(in[i], activation);
      if (activation == Activation::elu && i == 4) want = -1e-8;
      if (std::isnan(want)) continue;  // -infinity times 0, in gelu and silu
      if (std::isinf(want)) {
        EXPECT_EQ(y[i], want) << i;
      } else {
        EXPECT_NEAR(y[i], want, 1e-6 * std::abs(want)) << i;
      }
    }
  }
}

TEST(Conv2d, HasFirstAndSecondGradients) {
  struct Case {
    Shape x, w;
    Conv2dOptions options;
  };
  const Case cases[] = {
      {{2, 2, 4, 4}, {3, 2, 2, 3}, {.stride = {2, 1}, .padding = {1, 0}}},
      {{1, 4, 5, 4},
       {4, 2, 2, 2},
       {.dilation = {2, 1}, .groups = 2, .activation = Activation::tanh}},
      {{2, 3, 4, 3}, {3, 1, 3, 2}, {.stride = {2, 2}, .padding = Padding::same, .groups = 3}},
      {{1, 2, 3, 3}, {2, 2, 2, 2}, {.activation = Activation::silu}},
      {{1, 2, 3, 3}, {2, 2, 2, 2}, {.activation = Activation::sigmoid}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(to_string(c.x) + to_string(c.w));
    Rng rng(9);
    const Tensor x = uniform(c.x, rng, Dtype::f64), w = uniform(c.w, rng, Dtype::f64),
                 b = uniform({c.w[0]}, rng, Dtype::f64);
    const auto f = [&](const std::vector<Tensor>& in) {
      return conv2d(in[0], in[1], in[2], c.options);
    };
    const GradientReport first = check_gradients(f, {x, w, b}),
                         second = check_second_gradients(f, {x, w, b});
    EXPECT_TRUE(first.ok) << first.message;
    EXPECT_TRUE(second.ok) << second.message;
    const auto without_bias = [&](const std::vector<Tensor>& in) {
      return conv2d(in[0], in[1], {}, c.options);
    };
    const GradientReport third = check_second_gradients(without_bias, {x, w});
    EXPECT_TRUE(third.ok) << third.message;
  }
}

/// A third derivative, through each of the three maps.
TEST(Conv2d, HasThirdGradients) {
  Rng rng(10);
  const Tensor x = uniform({1, 2, 4, 4}, rng, Dtype::f64),
               w = uniform({2, 2, 2, 2}, rng, Dtype::f64);
  const auto f = [](const std::vector<Tensor>& in) {
    Tensor x1 = in[0], w1 = in[1];
    if (!x1.requires_grad()) x1 = x1.detach().set_requires_grad();
    if (!w1.requires_grad()) w1 = w1.detach().set_requires_grad();
    const Tensor y = conv2d(x1, w1, {}, {.activation = Activation::tanh});
    const auto d = gradients(sum(y * y), {x1, w1}, {.create_graph = true});
    return sum(d[0] * d[0]) + sum(d[1] * d[1] * d[1]);
  };
  const GradientReport report =
      check_second_gradients(f, {x, w}, {.relative = 1e-4, .absolute = 1e-5});
  EXPECT_TRUE(report.ok) << report.message;
}

std::int64_t calls_of(const std::string& operation) {
  std::int64_t calls = 0;
  for (const KernelUse& use : kernel_report())
    if (use.operation == operation) calls += use.calls;
  return calls;
}

TEST(Conv2d, ComputesTheGradientsThatAreNeededAlone) {
  const ConvCase k{.n = 2, .c = 3, .h = 5, .w = 5, .co = 4, .kh = 3, .kw = 3};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Activation activation : {Activation::none, Activation::tanh})
      for (int mask = 1; mask < 8; ++mask) {
        SCOPED_TRACE(mask);
        Rng rng(11);
        std::vector<Tensor> in{uniform(k.x_shape(), rng, dtype), uniform(k.w_shape(), rng, dtype),
                               uniform({k.co}, rng, dtype)};
        std::vector<Tensor> wanted;
        for (std::size_t i = 0; i < 3; ++i)
          if (mask >> i & 1) wanted.push_back(in[i].set_requires_grad());
        Conv2dOptions options = k.options();
        options.activation = activation;
        const Tensor y = conv2d(in[0], in[1], in[2], options);
        reset_kernel_report();
        const std::vector<Tensor> got = gradients(sum(y), wanted);
        EXPECT_EQ(calls_of("conv2d_input_gradient"), mask & 1);
        EXPECT_EQ(calls_of("conv2d_weight_gradient"), mask >> 1 & 1);

        std::vector<double> dz = values(y);
        for (double& v : dz) v = activation == Activation::tanh ? 1 - v * v : 1;
        const std::vector<double> want[] = {k.input_gradient(dz, values(in[1])),
                                            k.weight_gradient(values(in[0]), dz),
                                            k.bias_gradient(dz)};
        for (std::size_t i = 0, at = 0; i < 3; ++i)
          if (mask >> i & 1) {
            EXPECT_TRUE(
                close(got[at++], Tensor::from(want[i], in[i].shape(), dtype), tolerance(dtype)));
          }
      }
}

TEST(Conv2d, TakesEmptyBatches) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Tensor x = Tensor::zeros({0, 3, 5, 5}, {dtype}).set_requires_grad();
    Tensor w = Tensor::ones({4, 3, 3, 3}, {dtype}).set_requires_grad(),
           b = Tensor::ones({4}, {dtype}).set_requires_grad();
    const Tensor y = conv2d(x, w, b, {.activation = Activation::relu});
    EXPECT_EQ(y.shape(), Shape({0, 4, 3, 3}));
    const auto d = gradients(sum(y), {x, w, b});
    EXPECT_EQ(d[0].shape(), x.shape());
    EXPECT_TRUE(close(d[1], Tensor::zeros({4, 3, 3, 3}, {dtype})));
    EXPECT_TRUE(close(d[2], Tensor::zeros({4}, {dtype})));
  }
  // No channels in: the bias is all there is. No channels out: nothing is.
  EXPECT_TRUE(
      close(conv2d(Tensor::zeros({1, 0, 2, 2}), Tensor::zeros({2, 0, 1, 1}), Tensor::ones({2})),
            Tensor::ones({1, 2, 2, 2})));
  EXPECT_EQ(conv2d(Tensor::zeros({1, 2, 2, 2}), Tensor::zeros({0, 2, 1, 1})).shape(),
            Shape({1, 0, 2, 2}));
}

TEST(Conv2d, TakesAnImageThatIsOnlyPadding) {
  const Tensor y =
      conv2d(Tensor::ones({1, 1, 1, 1}), Tensor::ones({1, 1, 1, 1}), {}, {.padding = 2});
  std::vector<double> want(25);
  want[12] = 1;
  EXPECT_TRUE(close(y, want));
}

TEST(Conv2d, GivesBatchInnerOrForManyChannelsOfFewImagesChannelsLast) {
  const auto order = [](std::int64_t n, std::int64_t c) {
    return order_of(conv2d(Tensor::ones({n, c, 6, 6}), Tensor::ones({20, c, 3, 3})));
  };
  EXPECT_EQ(order(2, 3), Order::batch_inner);
  EXPECT_EQ(order(4, 16), Order::batch_inner);
  EXPECT_EQ(order(2, 16), Order::channels_last);
}

}  // namespace
}  // namespace tenon
