#pragma once

#include "tenon/core/tensor.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels::reference {

// Plain loops, f32 or f64, any strides. Averages sum the columns of a window first, then the sums,
// in the tensors' dtype: short sums, and those of the SIMD kernels. The innermost loop runs over
// the output's axis of stride 1: channels, batch, or a single element for rows. The last tensors
// are written, each element once.

void avg_pool2d(const PoolGeometry& geometry, const Tensor& x, Tensor& y);
void avg_pool2d_gradient(const PoolGeometry& geometry, const Tensor& dy, Tensor& dx);

/// `indices` (i32, of y's shape and strides; may be undefined) gets the place of each maximum in
/// its plane, h * W + w: the first of equals; a NaN is greater than all.
void max_pool2d(const PoolGeometry& geometry, const Tensor& x, Tensor& y, Tensor& indices);
/// dx = dy added at the places of indices, 0 elsewhere.
void max_pool2d_scatter(const PoolGeometry& geometry, const Tensor& dy, const Tensor& indices,
                        Tensor& dx);
/// y = x at the places of indices.
void max_pool2d_gather(const PoolGeometry& geometry, const Tensor& x, const Tensor& indices,
                       Tensor& y);

}  // namespace tenon::kernels::reference
