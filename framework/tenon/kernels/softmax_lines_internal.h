#pragma once

#include <algorithm>
#include <cstdint>

#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon::kernels {

/// Dense memory as [outer][count][inner]: a line is the `count` elements along one axis.
struct DenseLines {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t inner = 1;

  std::int64_t lines() const { return outer * inner; }
  /// Lines a block: about 20 us, and whole cache lines where lines lie side by side.
  std::int64_t grain(double element_nanoseconds) const {
    constexpr double kLineNanoseconds = 20;
    const double line = kLineNanoseconds + element_nanoseconds * static_cast<double>(count);
    const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(20000 / line));
    return inner == 1 ? grain : (grain + 63) / 64 * 64;
  }
};

/// Of a tensor that is_dense; numel > 0.
inline DenseLines dense_lines(const Tensor& x, std::size_t axis) {
  DenseLines lines;
  lines.count = x.shape()[axis];
  const std::int64_t others = x.numel() / lines.count;
  lines.inner = lines.count == 1 ? 1 : x.strides()[axis];
  lines.outer = others / lines.inner;
  return lines;
}

inline bool is_dense(const Tensor& x) {
  return has_order(x, Order::rows) || is_dense(x.shape(), x.strides());
}

/// The strides of one number a line, in the order in which dense memory has the lines.
inline Strides line_strides(const Tensor& x, std::size_t axis) {
  const std::int64_t count = x.shape()[axis];
  const std::int64_t along = x.strides()[axis];
  Strides strides = x.strides();
  for (std::size_t i = 0; count > 1 && i < strides.rank(); ++i)
    if (strides[i] > along) strides[i] /= count;
  strides.erase(axis);
  return strides;
}

inline bool has_strides(const Tensor& x, const Strides& strides) {
  for (std::size_t i = 0; i < strides.rank(); ++i)
    if (x.shape()[i] != 1 && x.strides()[i] != strides[i]) return false;
  return true;
}

}  // namespace tenon::kernels
