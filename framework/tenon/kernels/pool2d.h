#pragma once

#include "tenon/core/order_internal.h"
#include "tenon/core/tensor.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels {

// Poolings of f32 or f64 tensors of the geometry's shapes, any strides. Outputs are fresh and in
// the order of the input (rows, if that has none of the three). f32 in one of the three orders goes
// to the SIMD kernels, the rest to plain loops over the axis of stride 1; the bits are the same.

Tensor avg_pool2d(const Tensor& x, const PoolGeometry& geometry);
/// dx, in the order that x had.
Tensor avg_pool2d_gradient(const Tensor& dy, const PoolGeometry& geometry, Order order);

/// The indices (i32, of y's strides) are the places of the maxima in their planes, h * W + w: of
/// equals the first; a NaN is the maximum. Undefined unless wanted.
struct MaxPool {
  Tensor y;
  Tensor indices;
};
MaxPool max_pool2d(const Tensor& x, const PoolGeometry& geometry, bool want_indices);
/// dx: dy added at the places of the indices, in their order.
Tensor max_pool2d_scatter(const Tensor& dy, const Tensor& indices, const PoolGeometry& geometry);
/// The elements of x at the places of the indices.
Tensor max_pool2d_gather(const Tensor& x, const Tensor& indices, const PoolGeometry& geometry);

}  // namespace tenon::kernels
