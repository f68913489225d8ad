#include "tenon/ops/linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using Values = std::vector<double>;

constexpr Activation kActivations[] = {
    Activation::none,       Activation::tanh, Activation::sigmoid, Activation::relu,
    Activation::leaky_relu, Activation::elu,  Activation::gelu,    Activation::silu};

double activated(double x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::leaky_relu: return x > 0 ? x : 0.01 * x;
    case Activation::elu: return x > 0 ? x : std::exp(x) - 1;
    case Activation::gelu: return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::silu: return x / (1 + std::exp(-x));
  }
  return NAN;
}

/// activation(x w^T + b) with plain loops over row-major values.
Values expected(const Tensor& x, const Tensor& w, const Tensor& b,
                Activation activation = Activation::none) {
  const std::int64_t in = w.size(1), out = w.size(0);
  std::int64_t rows = 1;
  for (std::int64_t axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.size(axis);
  const Values xv = x.to_vector<double>(), wv = w.to_vector<double>();
  const Values bv = b.defined() ? b.to_vector<double>() : Values(static_cast<std::size_t>(out));
  Values y;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t o = 0; o < out; ++o) {
      double total = bv[static_cast<std::size_t>(o)];
      for (std::int64_t i = 0; i < in; ++i)
        total +=
            xv[static_cast<std::size_t>(row * in + i)] * wv[static_cast<std::size_t>(o * in + i)];
      y.push_back(activated(total, activation));
    }
  return y;
}

Tensor random(const Shape& shape, Dtype dtype, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}

TEST(Linear, AllLayoutsSizesAndDtypes) {
  struct Sizes {
    Shape x;
    std::int64_t out;
  };
  for (const Sizes& s : {Sizes{{5}, 3},
                         {{1, 1}, 1},
                         {{4, 7}, 1},
                         {{1, 7}, 5},
                         {{3, 1}, 2},
                         {{13, 37}, 11},
                         {{130, 65}, 33},
                         {{2, 3, 5}, 4},
                         {{2, 5, 3, 17}, 9}}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const std::int64_t in = s.x[s.x.rank() - 1];
      const Tensor x = random(s.x, dtype, 1), w = random({s.out, in}, dtype, 2),
                   b = random({s.out}, dtype, 3);
      Shape y_shape = s.x;
      y_shape[s.x.rank() - 1] = s.out;
      for (const Tensor& bias : {Tensor(), b, sliced(b)}) {
        const Values want = expected(x, w, bias);
        for (const auto& [x_name, x_layout] : layouts(x)) {
          for (const auto& [w_name, w_layout] : layouts(w)) {
            const Tensor y = linear(x_layout, w_layout, bias);
            ASSERT_EQ(y.shape(), y_shape);
            EXPECT_TRUE(close(y, want))
                << "x " << x_name << " " << to_string(s.x) << ", w " << w_name;
          }
        }
      }
    }
  }
}

TEST(Linear, KeepsABatchInnerInputBatchInner) {
  const Tensor x = random({6, 5}, Dtype::f32, 4), w = random({3, 5}, Dtype::f32, 5),
               b = random({3}, Dtype::f32, 6);
  const Tensor y = linear(in_order(x, Order::batch_inner), w, b);
  EXPECT_EQ(order_of(y), Order::batch_inner);
  EXPECT_TRUE(close(y, expected(x, w, b)));
  EXPECT_EQ(order_of(linear(x, w, b)), Order::rows);

  const Tensor images = in_order(random({16, 4, 3, 3}, Dtype::f32, 7), Order::batch_inner);
  const Tensor w2 = random({12, 36}, Dtype::f32, 8);
  const Tensor y2 = linear(flatten(images, 1), w2, {}, {.activation = Activation::tanh});
  EXPECT_EQ(order_of(y2), Order::batch_inner);
  EXPECT_TRUE(close(y2, expected(flatten(images, 1), w2, {}, Activation::tanh)));
}

TEST(Linear, FusesEveryActivationInEveryOrder) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    for (const std::int64_t rows : {2, 48}) {
      const Tensor x = random({rows, 19}, dtype, 9) * 2.0, w = random({21, 19}, dtype, 10),
                   b = random({21}, dtype, 11);
      for (const Activation activation : kActivations) {
        for (const Tensor& bias : {Tensor(), b}) {
          const Values want = expected(x, w, bias, activation);
          for (const auto& [name, layout] : layouts(x))
            EXPECT_TRUE(close(linear(layout, w, bias, {.activation = activation}), want))
                << name << ", activation " << static_cast<int>(activation) << ", rows " << rows;
        }
      }
    }
  }
}

TEST(Linear, RecordingGivesTheSameValues) {
  const Tensor x = random({7, 30}, Dtype::f32, 12), b = random({20}, Dtype::f32, 13);
  const Tensor w = random({20, 30}, Dtype::f32, 14).set_requires_grad();
  for (const Activation activation : kActivations) {
    const Tensor y = linear(x, w, b, {.activation = activation});
    EXPECT_TRUE(y.requires_grad());
    EXPECT_TRUE(close(y, expected(x, w, b, activation))) << static_cast<int>(activation);
  }
}

TEST(Linear, EmptyAxes) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const TensorOptions options = {.dtype = dtype};
    EXPECT_EQ(linear(Tensor::ones({0, 3}, options), Tensor::ones({2, 3}, options)).shape(),
              (Shape{0, 2}));
    EXPECT_EQ(linear(Tensor::ones({4, 3}, options), Tensor::ones({0, 3}, options)).shape(),
              (Shape{4, 0}));
    const Tensor b = Tensor::from({-1.0, 2.0}, {2}, dtype);
    EXPECT_TRUE(close(linear(Tensor::ones({3, 0}, options), Tensor::ones({2, 0}, options), b,
                             {.activation = Activation::relu}),
                      Tensor::from({0.0, 2.0, 0.0, 2.0, 0.0, 2.0}, {3, 2}, dtype)));
  }
  Tensor x = Tensor::ones({0, 3}).set_requires_grad(), w = Tensor::ones({2, 3}).set_requires_grad();
  Tensor b = Tensor::ones({2}).set_requires_grad();
  const auto grads = gradients(sum(linear(x, w, b)), {x, w, b});
  EXPECT_EQ(grads[0].shape(), (Shape{0, 3}));
  EXPECT_TRUE(close(grads[1], Tensor::zeros({2, 3})));
  EXPECT_TRUE(close(grads[2], Tensor::zeros({2})));
}

TEST(Linear, FirstAndSecondGradientsOfEveryActivation) {
  for (const Activation activation : kActivations) {
    for (const Shape& x_shape : {Shape{4}, Shape{3, 4}, Shape{2, 3, 4}}) {
      const Tensor x = random(x_shape, Dtype::f64, 15), w = random({5, 4}, Dtype::f64, 16),
                   b = random({5}, Dtype::f64, 17);
      const auto with_bias = [&](const std::vector<Tensor>& in) {
        return linear(in[0], in[1], in[2], {.activation = activation});
      };
      const auto without = [&](const std::vector<Tensor>& in) {
        return linear(in[0], in[1], {}, {.activation = activation});
      };
      for (const auto& [name, layout] : layouts(x)) {
        const GradientReport first = check_gradients(with_bias, {layout, w, b});
        EXPECT_TRUE(first.ok) << name << static_cast<int>(activation) << first.message;
      }
      const GradientReport second = check_second_gradients(with_bias, {x, w, b});
      EXPECT_TRUE(second.ok) << static_cast<int>(activation) << second.message;
      const GradientReport unbiased = check_gradients(without, {x, w});
      EXPECT_TRUE(unbiased.ok) << static_cast<int>(activation) << unbiased.message;
    }
  }
}

TEST(Linear, ComputesOnlyTheGradientsThatAreNeeded) {
  const Tensor dy = random({3, 2}, Dtype::f32, 21);
  for (int mask = 1; mask < 8; ++mask) {
    Tensor x = random({3, 4}, Dtype::f32, 18), w = random({2, 4}, Dtype::f32, 19),
           b = random({2}, Dtype::f32, 20);
    Tensor* const inputs[] = {&x, &w, &b};
    for (int i = 0; i < 3; ++i)
      if (mask >> i & 1) inputs[i]->set_requires_grad();
    linear(x, w, b).backward({.output_gradients = {dy}});
    for (int i = 0; i < 3; ++i)
      ASSERT_EQ(inputs[i]->grad().defined(), (mask >> i & 1) != 0) << mask << " " << i;
    if (x.grad().defined()) {
      EXPECT_TRUE(close(x.grad(), expected(dy, transpose(w, 0, 1), {})));
    }
    if (w.grad().defined()) {
      EXPECT_TRUE(close(w.grad(), expected(transpose(dy, 0, 1), transpose(x, 0, 1), {})));
    }
    if (b.grad().defined()) {
      const Values v = dy.to_vector<double>();
      EXPECT_TRUE(close(b.grad(), {v[0] + v[2] + v[4], v[1] + v[3] + v[5]}));
    }
  }
}

TEST(Linear, NamesBothShapesAndTheLine) {
  const auto says = [](const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  };
  const Tensor x = Tensor::zeros({2, 3}), w = Tensor::zeros({5, 4});
  says(message_of<ShapeError>([&] { linear(x, w); }),
       {"linear: x has 3 features but w expects 4", "x [2, 3] f32 (..., in)",
        "w [5, 4] f32 (out, in)", "in = 3", "linear_test.cpp"});
  says(message_of<ShapeError>([&] {
         linear(Tensor::zeros({2, 2, 2}), w);
       }),
       {"flatten(x, 1)", "[2, 2, 2]"});
  says(message_of<ShapeError>([&] {
         linear(Tensor::zeros({2, 4}), w, Tensor::zeros({4}));
       }),
       {"b must have shape [5] but has [4]", "b [4] f32 (out)", "[5, 4]"});
  says(message_of<ShapeError>([&] { linear(Tensor::zeros({}), w); }), {"x is a scalar"});
  says(message_of<ShapeError>([&] { linear(x, Tensor::zeros({3})); }),
       {"w must have 2 axes but has 1"});
  says(message_of<ShapeError>([&] { linear(Tensor(), w); }), {"x is an undefined tensor"});
  says(message_of<ShapeError>([&] { linear(x, Tensor()); }), {"w is an undefined tensor"});
  says(message_of<DtypeError>([&] {
         linear(x, Tensor::zeros({5, 3}, {.dtype = Dtype::f64}));
       }),
       {"x is f32 but w is f64", "linear_test.cpp"});
  says(message_of<DtypeError>([&] {
         linear(x, Tensor::zeros({5, 3}), Tensor::zeros({5}, {.dtype = Dtype::f64}));
       }),
       {"x is f32 but b is f64"});
  says(message_of<DtypeError>([&] {
         linear(Tensor::from({1}, {1, 1}), w);
       }),
       {"x must be f32 or f64"});
}

}  // namespace
}  // namespace tenon
