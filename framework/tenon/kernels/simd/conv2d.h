#pragma once

#include "tenon/core/activation_kind.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels::simd {

// Convolutions of few channels, f32, on dense batch-inner activations ([C][H][W][N] in memory, any
// N) and row-major weights, straight from the image where its rows can be read as they are. Sums of
// the forward pass and of the input gradient are one chain an element, those of the weight gradient
// have fixed blocks: the bits do not depend on the number of threads.

/// Kernels up to 32 x 32, nothing empty.
bool conv2d_takes(const ConvGeometry& g);

/// y = activation(conv(x, w) + b), with the bits of the activation as a separate pass; b may be
/// null.
void conv2d(const ConvGeometry& g, const float* x, const float* w, const float* b,
            Activation activation, float* y);
/// The gradient for x, by gathering: every element is written once.
void conv2d_input_gradient(const ConvGeometry& g, const float* dy, const float* w, float* dx);
/// The gradients for w and, unless db is null, for b. Padding counts as zeros: an infinity or NaN
/// in dy spreads to the weights that meet it there too.
void conv2d_weight_gradient(const ConvGeometry& g, const float* x, const float* dy, float* dw,
                            float* db);

}  // namespace tenon::kernels::simd
