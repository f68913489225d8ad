#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon {

/// The axes a reduction runs over, small enough to be captured by rules.
struct ReducedAxes {
  std::uint8_t mask = 0;  ///< bit i: axis i
  bool keepdim = false;

  bool operator[](std::size_t axis) const { return (mask >> axis & 1) != 0; }
  /// The axes as numbers; none for a tensor of rank 0, where none and all are the same.
  Axes list() const;
  /// The elements of one result.
  std::int64_t count(const Shape& shape) const;
};

/// Resolves axes; none means all. Throws ShapeError for an axis that x has not or that is named
/// twice.
ReducedAxes reduced_axes(const char* operation, const Tensor& x, const Axes& axes, bool keepdim,
                         Where where);
/// Throws ShapeError when a result would be made of no elements.
void check_not_empty(const char* operation, const Tensor& x, ReducedAxes axes, Where where);

/// y, a reduction over `axes` of something of this shape, as a view of that shape.
Tensor expand_reduced(const Tensor& y, const Shape& shape, ReducedAxes axes);

}  // namespace tenon
