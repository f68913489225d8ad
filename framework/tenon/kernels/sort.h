#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels {

struct Sorted {
  Tensor values;
  Tensor indices;  ///< i64
};
/// The first k elements of each sorted line along a valid axis, any dtype and strides; equal ones
/// keep their order, NaN counts as the greatest. Outputs in x's order when k is the whole line,
/// else rows.
Sorted sort(const Tensor& x, std::size_t axis, std::int64_t k, bool descending);

}  // namespace tenon::kernels
