#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon {

struct SortOptions {
  bool descending = false;
};
struct SortResult {
  Tensor values;
  Tensor indices;  ///< i64: where each value was along the axis
};
/// Sorted along an axis; equal elements keep their order and NaN counts as the greatest. x: any
/// dtype and strides. dx: dvalues at indices.
SortResult sort(const Tensor& x, std::int64_t axis = -1, SortOptions options = {},
                Where where = Where::current());

struct TopkOptions {
  bool largest = true;
};
/// The k greatest (least) elements along an axis, in order, the first of equal ones first; NaN
/// counts as the greatest. x: any dtype. ShapeError unless 0 <= k <= the axis's size.   dx: dvalues
/// at indices, 0 elsewhere.
SortResult topk(const Tensor& x, std::int64_t k, std::int64_t axis = -1, TopkOptions options = {},
                Where where = Where::current());

}  // namespace tenon
