#pragma once

#include "tenon/kernels/conv_geometry.h"
#include "tenon/kernels/onednn/plan.h"

namespace tenon::kernels::onednn {

/// Whether oneDNN is to be asked for this convolution at all (f32; nothing is empty, no window lies
/// wholly in the padding).
bool takes(const ConvGeometry& geometry);

// Plans for channels-last activations and weights of any dense strides. A plan may be empty: oneDNN
// cannot do it.

/// execute({&x, &w, &b or null, &y})
Plan& conv2d_plan(const ConvGeometry& geometry, const Tensor& w, bool has_bias);
/// execute({&dy, &w, &dx})
Plan& conv2d_input_gradient_plan(const ConvGeometry& geometry, const Tensor& w);
/// execute({&x, &dy, &dw, &db or null})
Plan& conv2d_weight_gradient_plan(const ConvGeometry& geometry, const Tensor& dw, bool has_bias);

}  // namespace tenon::kernels::onednn
