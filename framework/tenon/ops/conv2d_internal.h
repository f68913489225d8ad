#pragma once

#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon {

// The gradients of a convolution, as operations. conv(x, w), its gradient for x and its gradient
// for w are linear in each argument, and the gradients of each of the three are the two others:
// they close under differentiation. The operands have the geometry's shapes.

/// y = conv(x, w) + b, unchecked; b may be undefined.
Tensor conv2d_with(const Tensor& x, const Tensor& w, const Tensor& b, const ConvGeometry& geometry,
                   Where where = Where::current());
/// dx of y = conv(x, w).
Tensor conv2d_input_gradient(const Tensor& dy, const Tensor& w, const ConvGeometry& geometry,
                             Where where = Where::current());
/// {dw, db} of y = conv(x, w) + b; db is undefined without `with_bias`.
std::vector<Tensor> conv2d_weight_gradient(const Tensor& x, const Tensor& dy,
                                           const ConvGeometry& geometry, bool with_bias,
                                           Where where = Where::current());

}  // namespace tenon
