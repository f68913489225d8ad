#pragma once

#include <cstdint>

#include "tenon/core/activation_kind.h"
#include "tenon/core/tensor.h"

namespace tenon::kernels {

// Element by element, over any strides, with broadcasting. Nothing is checked or recorded here.
// Real functions take f32 or f64 alone; outputs have the operands' dtype, but for comparisons,
// which give boolean, and are fresh, in output_order. The same values give the same bits in every
// layout, cut and number of threads: f32 always takes the kernels of simd/ where there is one, else
// the plain loops of reference/.

/// `leaky_relu` has its slope as p.first, `elu` its alpha, `clamp` its bounds as first and second.
enum class Unary : std::uint8_t {
  negate,
  abs,
  sign,
  floor,
  round,
  exp,
  log,
  log1p,
  expm1,
  sqrt,
  rsqrt,
  square,
  sin,
  cos,
  erf,
  tanh,
  sigmoid,
  relu,
  leaky_relu,
  elu,
  gelu,
  silu,
  softplus,
  clamp,
  logical_not,
  isnan
};
/// Gradients: (dy, y) of tanh, sigmoid, relu, leaky_relu, elu; (dy, x) of gelu, silu, clamp.
/// `maximum_share` is what part of the gradient of max(a, b) goes to a: 1, 0, or 0.5 for a tie.
enum class Binary : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  power,
  maximum,
  minimum,
  maximum_share,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
  tanh_gradient,
  sigmoid_gradient,
  relu_gradient,
  leaky_relu_gradient,
  elu_gradient,
  gelu_gradient,
  silu_gradient,
  clamp_gradient
};
struct Parameters {
  double first = 0;
  double second = 0;
};

/// An operand of a binary kernel: a tensor, or a number that takes the other operand's dtype.
class Argument {
 public:
  Argument(const Tensor& x) : tensor_(&x) {}
  Argument(double value)
      : Argument(value, value > -9e18 && value < 9e18 ? static_cast<std::int64_t>(value) : 0) {}
  Argument(double real, std::int64_t integer) : real_(real), integer_(integer) {}

  /// Null for a number.
  const Tensor* tensor() const { return tensor_; }
  double real() const { return real_; }
  /// The number for integer dtypes, exact above 2^53.
  std::int64_t integer() const { return integer_; }

 private:
  const Tensor* tensor_ = nullptr;
  double real_ = 0;
  std::int64_t integer_ = 0;
};

Tensor unary(Unary operation, const Tensor& x, Parameters p = {});
/// a and b have one dtype and shapes that broadcast; at most one is a number.
Tensor binary(Binary operation, const Argument& a, const Argument& b, Parameters p = {});
/// condition ? a : b; condition is boolean, a and b of one dtype (`dtype`, for two numbers).
Tensor where(const Tensor& condition, const Argument& a, const Argument& b, Dtype dtype);

/// Ops and kernels of other families call these by name.
inline Tensor negate(const Tensor& x) { return unary(Unary::negate, x); }
inline Tensor exp(const Tensor& x) { return unary(Unary::exp, x); }
inline Tensor log(const Tensor& x) { return unary(Unary::log, x); }
inline Tensor sqrt(const Tensor& x) { return unary(Unary::sqrt, x); }
inline Tensor square(const Tensor& x) { return unary(Unary::square, x); }
inline Tensor tanh(const Tensor& x) { return unary(Unary::tanh, x); }
inline Tensor sigmoid(const Tensor& x) { return unary(Unary::sigmoid, x); }
inline Tensor relu(const Tensor& x) { return unary(Unary::relu, x); }

inline Tensor add(const Argument& a, const Argument& b) { return binary(Binary::add, a, b); }
inline Tensor subtract(const Argument& a, const Argument& b) {
  return binary(Binary::subtract, a, b);
}
inline Tensor multiply(const Argument& a, const Argument& b) {
  return binary(Binary::multiply, a, b);
}
inline Tensor divide(const Argument& a, const Argument& b) { return binary(Binary::divide, a, b); }
inline Tensor maximum(const Argument& a, const Argument& b) {
  return binary(Binary::maximum, a, b);
}
inline Tensor minimum(const Argument& a, const Argument& b) {
  return binary(Binary::minimum, a, b);
}

/// The operation that an activation (but none) is, with the default slope and alpha.
struct ActivationKernel {
  Unary operation;
  Parameters p;
};
ActivationKernel kernel_of(Activation activation);

/// y = activation(x), with the default slope and alpha; a copy for none.
Tensor activate(const Tensor& x, Activation activation);
/// y = activation(y), for the fresh result of another kernel.
void activate_in_place(Tensor& y, Activation activation);
/// dx from dy and y, for the activations that have their gradient from the output; dy's values for
/// none.
Tensor activation_gradient(const Tensor& dy, const Tensor& y, Activation activation);

}  // namespace tenon::kernels
