#pragma once

#include "tenon/core/tensor.h"
#include "tenon/ops/activation.h"

namespace tenon {

struct LinearOptions {
  Activation activation = Activation::none;
};
/// y = activation(x w^T + b).
///   x [..., in], w [out, in], b [out] or none -> y [..., out];   one of f32 and f64, any strides
/// y is batch-inner for a batch-inner x [N, in], else rows. With g = dy activation'(y):
/// dx = g w, dw = g^T x, db = g, summed over the leading axes. Bias and activation are fused into
/// the product, but gelu and silu while recording. Throws DtypeError for other or different dtypes,
/// ShapeError for sizes or ranks that do not fit.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {}, LinearOptions options = {},
              Where where = Where::current());

}  // namespace tenon
