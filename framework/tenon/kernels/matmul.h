#pragma once

#include "tenon/core/activation_kind.h"
#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// c = a b. a [..., M, K], b [..., K, N] of one floating dtype and any strides, rank 2 to 8,
/// leading axes that broadcast. c: rows. K = 0 gives zeros.
Tensor matmul(const Tensor& a, const Tensor& b);

/// y = activation(x w^T + bias). x [..., K], w [N, K], bias [N] or undefined; one floating dtype,
/// any strides. y [..., N]: batch-inner for an x [M, K] with M innermost, else rows.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Activation activation);

}  // namespace tenon::kernels
