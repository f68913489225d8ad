#pragma once

#include "tenon/core/activation_kind.h"
#include "tenon/core/tensor.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels::reference {

// Plain loops, f32 or f64 (all tensors of one dtype), any strides, sums in double, each output
// written once. The last argument is written, of the geometry's shape.

/// `b` may be undefined.
void conv2d(const ConvGeometry& geometry, const Tensor& x, const Tensor& w, const Tensor& b,
            Activation activation, Tensor& y);
void conv2d_input_gradient(const ConvGeometry& geometry, const Tensor& dy, const Tensor& w,
                           Tensor& dx);
void conv2d_weight_gradient(const ConvGeometry& geometry, const Tensor& x, const Tensor& dy,
                            Tensor& dw);
/// db = sum of dy over all but its channels.
void conv2d_bias_gradient(const ConvGeometry& geometry, const Tensor& dy, Tensor& db);

}  // namespace tenon::kernels::reference
