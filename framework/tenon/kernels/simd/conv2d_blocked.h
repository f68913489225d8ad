#pragma once

#include "tenon/core/activation_kind.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels::simd {

// Convolutions of many channels, f32, on dense batch-inner activations ([C][H][W][N] in memory) and
// row-major weights: blocks of output channels and positions in registers, packed weights, packed
// rows of the input. Any batch; multiples of 8 are fast. Sums of the forward pass and of the input
// gradient are one chain an element, those of the weight gradient have fixed blocks: the bits do
// not depend on the number of threads. Padding counts as zeros: weights that are not finite spread
// into outputs beside it.

/// At least 16 channels a group in and out, kernels up to 32 x 32, nothing empty.
bool conv2d_blocked_takes(const ConvGeometry& g);

/// y = activation(conv(x, w) + b), with the bits of the activation as a separate pass; b may be
/// null.
void conv2d_blocked(const ConvGeometry& g, const float* x, const float* w, const float* b,
                    Activation activation, float* y);
/// The gradient for x, by gathering: every element is written once.
void conv2d_blocked_input_gradient(const ConvGeometry& g, const float* dy, const float* w,
                                   float* dx);
/// The gradients for w and, unless db is null, for b.
void conv2d_blocked_weight_gradient(const ConvGeometry& g, const float* x, const float* dy,
                                    float* dw, float* db);

}  // namespace tenon::kernels::simd
