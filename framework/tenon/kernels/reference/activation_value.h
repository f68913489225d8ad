#pragma once

#include <cmath>

#include "tenon/core/activation_kind.h"

namespace tenon::kernels::reference {

/// One activation of one number. NaN stays NaN.
inline double activation_value(double x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1.0 / (1.0 + std::exp(-x));
    case Activation::relu: return x < 0 ? 0.0 : x;
    case Activation::leaky_relu: return x < 0 ? 0.01 * x : x;
    case Activation::elu: return x < 0 ? std::expm1(x) : x;
    case Activation::gelu: return 0.5 * x * (1.0 + std::erf(x * 0.70710678118654752));
    case Activation::silu: break;
  }
  return x / (1.0 + std::exp(-x));
}

}  // namespace tenon::kernels::reference
