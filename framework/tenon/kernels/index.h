#pragma once

#include <cstddef>
#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// Indices along one axis: the element of y (or of the source) at coordinates c uses values[sum of
/// c[a] * strides[a]]. All are in range: the operations have checked them.
struct AxisIndices {
  const std::int64_t* values;
  std::size_t axis;
  Strides strides;
};

/// A fresh y of this shape and dense strides: y at c is x at c, but with the index as the
/// coordinate along the axis.
Tensor take(const Tensor& x, const Shape& shape, const Strides& strides,
            const AxisIndices& indices);
/// Adds source at c to y at c, but with the index as the coordinate along the axis: in the order of
/// the source along the axis, whatever the number of threads. One dtype, not boolean.
void add_at(Tensor& y, const AxisIndices& indices, const Tensor& source);

/// value where mask is true, else x. x and mask broadcast to `shape`.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value, const Shape& shape);
/// i64 [..., classes] rows: 1 at each of the `count` values, else 0.
Tensor one_hot(const std::int64_t* values, const Shape& shape);

}  // namespace tenon::kernels
