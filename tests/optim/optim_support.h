#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/tensor.h"
#include "tenon/nn/parameter_list.h"

namespace tenon {

/// The gradient that the tests give element i in step t: changes sign and size.
inline double test_gradient(int t, std::size_t i) {
  return std::sin(0.7 * t + 1.3 * static_cast<double>(i)) * (1 + 0.2 * t);
}
inline double test_start(std::size_t i) { return std::cos(2.1 * static_cast<double>(i)); }

/// A parameter with the start values, in a layout of the caller's, that requires grad.
inline Tensor test_parameter(const Shape& shape, Dtype dtype) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = test_start(i);
  return Tensor::from(values, shape, dtype);
}

/// Gives x the gradient of step t, in rows.
inline void set_test_gradient(Tensor& x, int t) {
  std::vector<double> values(static_cast<std::size_t>(x.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = test_gradient(t, i);
  x.set_grad(Tensor::from(values, x.shape(), x.dtype()));
}

}  // namespace tenon
