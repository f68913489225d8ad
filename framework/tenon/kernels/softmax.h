#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// Floating, any strides; outputs in the order of the first operand. The axis must be valid, from 0
/// on.

/// y = exp(x - max) / sum(exp(x - max)) along the axis.
Tensor softmax(const Tensor& x, std::size_t axis);
/// dx = y * (dy - sum(dy * y))
Tensor softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis);
/// y = x - max - log(sum(exp(x - max)))
Tensor log_softmax(const Tensor& x, std::size_t axis);
/// dx = dy - exp(y) * sum(dy)
Tensor log_softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis);

}  // namespace tenon::kernels
