#pragma once

#include "tenon/core/activation_kind.h"
#include "tenon/core/tensor.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels {

// The three maps of a convolution, f32 or f64, any strides, on tensors of the geometry's shapes and
// of one dtype. The table in conv2d.cpp chooses from the geometry and the dtype, alike for all
// three: f32 mostly goes to batch-inner SIMD kernels, many channels of few images to oneDNN,
// channels-last (an operand in another order is copied once); f64 and empty tensors go to the plain
// loops. Outputs are fresh, batch-inner from SIMD, channels-last from oneDNN, else in the order of
// the activations; weight gradients are rows.

/// x in the order in which all three maps read it: x itself, or a copy, which is worth keeping for
/// the weight gradient.
Tensor conv2d_operand(const Tensor& x, const ConvGeometry& geometry);
/// y = activation(conv(x, w) + b); b may be undefined. The bits are those of
/// activation(conv2d(x, w, b)): SIMD kernels activate rows while they are in the cache; after
/// oneDNN it is a pass of our own over the result, in place: oneDNN's relu, sigmoid and gelu turn
/// NaN or infinity into other numbers, its elu loses small ones, and its tanh (what a fused one
/// saves or costs, AVX-512: 64 channels -4 % of the convolution, 6 channels +28 %) is slow with few
/// channels and on AVX2.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const ConvGeometry& geometry,
              Activation activation);
/// The gradient for x.
Tensor conv2d_input_gradient(const Tensor& dy, const Tensor& w, const ConvGeometry& geometry);
/// The gradients for w and, if `with_bias`, for b.
struct ConvWeightGradient {
  Tensor dw;
  Tensor db;
};
ConvWeightGradient conv2d_weight_gradient(const Tensor& x, const Tensor& dy,
                                          const ConvGeometry& geometry, bool with_bias);

}  // namespace tenon::kernels
