#pragma once

#include "tenon/core/tensor.h"
#include "tenon/kernels/conv_geometry.h"
#include "tenon/ops/conv2d.h"
#include "tenon/ops/pool2d.h"

namespace tenon {

/// These check every argument of an operation, throw what its header promises, and return the sizes
/// that kernels need.
ConvGeometry conv2d_geometry(const Tensor& x, const Tensor& w, const Tensor& b,
                             const Conv2dOptions& options, Where where);
/// Of the convolution whose input gradient it is: its y is this x.
ConvGeometry conv_transpose2d_geometry(const Tensor& x, const Tensor& w, const Tensor& b,
                                       const ConvTranspose2dOptions& options, Where where);
PoolGeometry pool2d_geometry(const char* operation, const Tensor& x, Size2 kernel,
                             const Pool2dOptions& options, Where where);

}  // namespace tenon
