#pragma once

#include "tenon/core/tensor.h"
#include "tenon/ops/activation.h"
#include "tenon/ops/size2.h"

namespace tenon {

struct Conv2dOptions {
  Size2 stride = 1;
  Padding2 padding = 0;
  Size2 dilation = 1;
  std::int64_t groups = 1;
  Activation activation = Activation::none;
};
/// y[n, o, i, j] = activation(b[o] + sum over c, k, l of w[o, c, k, l] x[n, c', i stride - padding
/// + k dilation, ...]), a cross-correlation; c runs over the channels of o's group, c' is the
/// channel in x, and x is 0 outside its image.
///   x [N, C, H, W], w [C_out, C / groups, K_h, K_w], b [C_out] or none -> y [N, C_out, H_out,
///   W_out] H_out = (H + padding before and after - dilation (K_h - 1) - 1) / stride + 1, rounded
///   down; W_out likewise. f32 or f64, all of one dtype. N may be 0.
/// Throws ShapeError when channels, groups, kernel, padding or bias do not fit together, DtypeError
/// for other dtypes. Differentiable any number of times; while recording, gelu and silu are an
/// operation of their own. The result is batch-inner or channels-last for f32.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b = {},
              const Conv2dOptions& options = {}, Where where = Where::current());

struct ConvTranspose2dOptions {
  Size2 stride = 1;
  Size2 padding = 0;
  Size2 output_padding =
      0;  ///< rows and columns more, below and to the right; smaller than stride or dilation
  Size2 dilation = 1;
  std::int64_t groups = 1;
};
/// The gradient of conv2d for its input, as a layer (a "deconvolution"), plus b for each output
/// channel.
///   x [N, C, H, W], w [C, C_out / groups, K_h, K_w], b [C_out] or none -> y [N, C_out, H_out,
///   W_out] H_out = (H - 1) stride - 2 padding + dilation (K_h - 1) + output_padding + 1; W_out
///   likewise.
/// dtypes, errors and gradients as conv2d. Zeiler et al., "Deconvolutional networks", CVPR 2010.
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& b = {},
                        const ConvTranspose2dOptions& options = {}, Where where = Where::current());

}  // namespace tenon
