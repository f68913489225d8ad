#pragma once

#include "tenon/core/activation_kind.h"
#include "tenon/core/tensor.h"

namespace tenon {

// Element by element, any shape, f32 or f64 (else DtypeError); the result is of x's shape and in
// its order.

/// Integers are converted to f32.   dx = dy (1 - y^2)
Tensor tanh(const Tensor& x, Where where = Where::current());
/// 1 / (1 + exp(-x)). Integers are converted to f32.   dx = dy y (1 - y)
Tensor sigmoid(const Tensor& x, Where where = Where::current());
/// max(x, 0), also for integers; NaN stays.   dx = dy where x > 0, else 0
Tensor relu(const Tensor& x, Where where = Where::current());
/// x where x > 0, else slope x (Maas, Hannun and Ng 2013).   dx = dy or slope dy
Tensor leaky_relu(const Tensor& x, double slope = 0.01, Where where = Where::current());
/// x where x > 0, else alpha (exp(x) - 1) (Clevert, Unterthiner and Hochreiter 2016).   dx = dy or
/// dy (y + alpha)
Tensor elu(const Tensor& x, double alpha = 1.0, Where where = Where::current());
/// x Phi(x), with the normal distribution's Phi, exactly (Hendrycks and Gimpel 2016).   dx = dy
/// (Phi(x) + x phi(x))
Tensor gelu(const Tensor& x, Where where = Where::current());
/// x sigmoid(x) (Elfwing, Uchibe and Doya 2018).   dx = dy s (1 + x (1 - s)), s = sigmoid(x)
Tensor silu(const Tensor& x, Where where = Where::current());
/// log(1 + exp(x)).   dx = dy sigmoid(x)
Tensor softplus(const Tensor& x, Where where = Where::current());

/// The activation by its name, with its default slope or alpha; x itself for none.
Tensor activate(const Tensor& x, Activation activation, Where where = Where::current());
/// dx of y = activation(x), from y alone: for tanh, sigmoid, relu, leaky_relu, elu and none. dy and
/// y have one shape and dtype. Differentiable in both. GradientError for gelu and silu, whose
/// gradients need x.
Tensor activation_gradient(const Tensor& dy, const Tensor& y, Activation activation,
                           Where where = Where::current());
constexpr bool has_gradient_from_output(Activation activation) {
  return activation != Activation::gelu && activation != Activation::silu;
}

}  // namespace tenon
