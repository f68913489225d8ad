#include "tenon/ops/activation.h"

#include <fmt/format.h>

#include <numbers>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/broadcast_internal.h"
#include "tenon/ops/elementwise.h"

namespace tenon {

using kernels::Binary;
using kernels::Unary;

namespace {

/// dx = dy (1 - y^2).
Tensor tanh_gradient(const Tensor& dy, const Tensor& y, Where where = Where::current()) {
  return record(
      "tanh_gradient", {dy, y}, kernels::binary(Binary::tanh_gradient, dy, y),
      [dy = Saved(dy), y = Saved(y)](const Tensor& g, const Needs& needs) -> Gradients {
        return {needs[0] ? tanh_gradient(g, y.get()) : none,
                needs[1] ? -2.0 * g * dy.get() * y.get() : none};
      },
      where);
}

/// dx = dy y (1 - y).
Tensor sigmoid_gradient(const Tensor& dy, const Tensor& y, Where where = Where::current()) {
  return record(
      "sigmoid_gradient", {dy, y}, kernels::binary(Binary::sigmoid_gradient, dy, y),
      [dy = Saved(dy), y = Saved(y)](const Tensor& g, const Needs& needs) -> Gradients {
        return {needs[0] ? sigmoid_gradient(g, y.get()) : none,
                needs[1] ? g * dy.get() * (1.0 - 2.0 * y.get()) : none};
      },
      where);
}

/// dx = dy where y > 0, else 0. Constant in y.
Tensor relu_gradient(const Tensor& dy, const Tensor& y, Where where = Where::current()) {
  return record(
      "relu_gradient", {dy, y}, kernels::binary(Binary::relu_gradient, dy, y),
      [y = Saved(y)](const Tensor& g, const Needs&) -> Gradients {
        return {relu_gradient(g, y.get()), none};
      },
      where);
}

/// dx = dy where y > 0, else slope dy. Constant in y, whose sign alone counts: x will do as well.
Tensor leaky_relu_gradient(const Tensor& dy, const Tensor& y, double slope,
                           Where where = Where::current()) {
  return record(
      "leaky_relu_gradient", {dy, y}, kernels::binary(Binary::leaky_relu_gradient, dy, y, {slope}),
      [y = Saved(y), slope](const Tensor& g, const Needs&) -> Gradients {
        return {leaky_relu_gradient(g, y.get(), slope), none};
      },
      where);
}

/// dx = dy where y > 0, else dy (y + alpha).
Tensor elu_gradient(const Tensor& dy, const Tensor& y, double alpha,
                    Where where = Where::current()) {
  return record(
      "elu_gradient", {dy, y}, kernels::binary(Binary::elu_gradient, dy, y, {alpha}),
      [dy = Saved(dy), y = Saved(y), alpha](const Tensor& g, const Needs& needs) -> Gradients {
        return {needs[0] ? elu_gradient(g, y.get(), alpha) : none,
                needs[1] ? tenon::where(greater(y.get(), 0), 0, g * dy.get()) : none};
      },
      where);
}

/// phi(x), the density of the normal distribution.
Tensor normal_density(const Tensor& x) {
  return exp(-0.5 * square(x)) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
}

/// dx = dy (Phi(x) + x phi(x)); its derivative in x is dy phi(x) (2 - x^2).
Tensor gelu_gradient(const Tensor& dy, const Tensor& x, Where where = Where::current()) {
  return record(
      "gelu_gradient", {dy, x}, kernels::binary(Binary::gelu_gradient, dy, x),
      [dy = Saved(dy), x = Saved(x)](const Tensor& g, const Needs& needs) -> Gradients {
        const Tensor at = x.get();
        return {needs[0] ? gelu_gradient(g, at) : none,
                needs[1] ? g * dy.get() * normal_density(at) * (2.0 - square(at)) : none};
      },
      where);
}

/// dx = dy s (1 + x (1 - s)), s = sigmoid(x); its derivative in x is dy s (1 - s) (2 + x (1 - 2
/// s)).
Tensor silu_gradient(const Tensor& dy, const Tensor& x, Where where = Where::current()) {
  return record(
      "silu_gradient", {dy, x}, kernels::binary(Binary::silu_gradient, dy, x),
      [dy = Saved(dy), x = Saved(x)](const Tensor& g, const Needs& needs) -> Gradients {
        if (!needs[1]) return {silu_gradient(g, x.get()), none};
        const Tensor s = sigmoid(x.get());
        return {needs[0] ? silu_gradient(g, x.get()) : none,
                g * dy.get() * (s * (1.0 - s)) * (2.0 + x.get() * (1.0 - 2.0 * s))};
      },
      where);
}

}  // namespace

Tensor tanh(const Tensor& x, Where where) {
  const Tensor y = kernels::tanh(real_values("tanh", x, where));
  return record(
      "tanh", {x}, y,
      [y = Saved::output(y)](const Tensor& dy, const Needs&) -> Gradients {
        return {tanh_gradient(dy, y.get())};
      },
      where);
}

Tensor sigmoid(const Tensor& x, Where where) {
  const Tensor y = kernels::sigmoid(real_values("sigmoid", x, where));
  return record(
      "sigmoid", {x}, y,
      [y = Saved::output(y)](const Tensor& dy, const Needs&) -> Gradients {
        return {sigmoid_gradient(dy, y.get())};
      },
      where);
}

Tensor relu(const Tensor& x, Where where) {
  check_defined("relu", "x", x, where);
  const Tensor y = kernels::relu(x);
  return record(
      "relu", {x}, y,
      [y = Saved::output(y)](const Tensor& dy, const Needs&) -> Gradients {
        return {relu_gradient(dy, y.get())};
      },
      where);
}

Tensor leaky_relu(const Tensor& x, double slope, Where where) {
  check_floating("leaky_relu", x, where);
  const Tensor y = kernels::unary(Unary::leaky_relu, x, {slope});
  // A negative slope turns the sign that the gradient asks for: then x is kept.
  return record(
      "leaky_relu", {x}, y,
      [sign = slope >= 0 ? Saved::output(y) : Saved(x), slope](const Tensor& dy, const Needs&)
          -> Gradients { return {leaky_relu_gradient(dy, sign.get(), slope)}; },
      where);
}

Tensor elu(const Tensor& x, double alpha, Where where) {
  check_floating("elu", x, where);
  const Tensor y = kernels::unary(Unary::elu, x, {alpha});
  if (alpha >= 0)
    return record(
        "elu", {x}, y,
        [y = Saved::output(y), alpha](const Tensor& dy, const Needs&) -> Gradients {
          return {elu_gradient(dy, y.get(), alpha)};
        },
        where);
  return record(
      "elu", {x}, y,
      [x = Saved(x), alpha](const Tensor& dy, const Needs&) -> Gradients {
        return {dy * tenon::where(greater(x.get(), 0), 1.0, alpha * exp(minimum(x.get(), 0)))};
      },
      where);
}

Tensor gelu(const Tensor& x, Where where) {
  check_floating("gelu", x, where);
  return record(
      "gelu", {x}, kernels::unary(Unary::gelu, x),
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients {
        return {gelu_gradient(dy, x.get())};
      },
      where);
}

Tensor silu(const Tensor& x, Where where) {
  check_floating("silu", x, where);
  return record(
      "silu", {x}, kernels::unary(Unary::silu, x),
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients {
        return {silu_gradient(dy, x.get())};
      },
      where);
}

Tensor softplus(const Tensor& x, Where where) {
  check_floating("softplus", x, where);
  return record(
      "softplus", {x}, kernels::unary(Unary::softplus, x),
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients {
        return {dy * sigmoid(x.get())};
      },
      where);
}

Tensor activate(const Tensor& x, Activation activation, Where where) {
  switch (activation) {
    case Activation::none: break;
    case Activation::tanh: return tanh(x, where);
    case Activation::sigmoid: return sigmoid(x, where);
    case Activation::relu: return relu(x, where);
    case Activation::leaky_relu: return leaky_relu(x, 0.01, where);
    case Activation::elu: return elu(x, 1.0, where);
    case Activation::gelu: return gelu(x, where);
    case Activation::silu: return silu(x, where);
  }
  check_defined("activate", "x", x, where);
  return x;
}

Tensor activation_gradient(const Tensor& dy, const Tensor& y, Activation activation, Where where) {
  constexpr const char* kName = "activation_gradient";
  check_floating(kName, dy, where, "dy");
  check_same_dtype(kName, "dy", dy, "y", y, where);
  if (dy.shape() != y.shape())
    Fault(kName, where)
        .operand("dy", dy)
        .operand("y", y)
        .raise<ShapeError>("dy and y must have one shape");
  switch (activation) {
    case Activation::none: return dy;
    case Activation::tanh: return tanh_gradient(dy, y, where);
    case Activation::sigmoid: return sigmoid_gradient(dy, y, where);
    case Activation::relu: return relu_gradient(dy, y, where);
    case Activation::leaky_relu: return leaky_relu_gradient(dy, y, 0.01, where);
    case Activation::elu: return elu_gradient(dy, y, 1.0, where);
    case Activation::gelu:
    case Activation::silu: break;
  }
  Fault(kName, where)
      .operand("y", y)
      .raise<GradientError>(fmt::format("the gradient of {} needs x, not y alone",
                                        activation == Activation::gelu ? "gelu" : "silu"));
}

}  // namespace tenon
