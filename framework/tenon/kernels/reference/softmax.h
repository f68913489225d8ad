#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels::reference {

/// See kernels/softmax.h.
Tensor softmax(const Tensor& x, std::size_t axis);
Tensor softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis);
Tensor log_softmax(const Tensor& x, std::size_t axis);
Tensor log_softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis);

}  // namespace tenon::kernels::reference
