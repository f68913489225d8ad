#pragma once

#include "tenon/core/tensor.h"

namespace tenon {

/// y = a b, as in PyTorch.
///   [M, K] [K, N] -> [M, N]             a product of matrices
///   [..., M, K] [..., K, N]             one for each index of the leading axes, which are
///   broadcast [K] [..., K, N] -> [..., N]         a vector counts as one row on the left,
///   [..., M, K] [K] -> [..., M]         as one column on the right,
///   [K] [K] -> []                       and two give their scalar product.
/// a, b: one of f32 and f64, any strides; y: rows. K = 0 gives zeros.
/// da = dy b^T, db = a^T dy, summed over the axes that were broadcast.
/// Throws DtypeError for other or different dtypes, ShapeError for scalars, different K or leading
/// axes that do not broadcast.
Tensor matmul(const Tensor& a, const Tensor& b, Where where = Where::current());

}  // namespace tenon
