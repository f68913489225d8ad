#pragma once

#include "tenon/core/shape.h"

namespace tenon {

/// Calls f(offset) for each element in row-major order of the logical indices.
template <class F>
void for_each_offset(const Shape& shape, const Strides& strides, F&& f) {
  if (shape.numel() == 0) return;
  const std::size_t rank = shape.rank();
  std::int64_t index[kMaxRank] = {};
  std::int64_t offset = 0;
  while (true) {
    f(offset);
    std::size_t axis = rank;
    while (axis-- > 0) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

}  // namespace tenon
