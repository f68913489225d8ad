#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// Dense strides of `shape` in x's order: channels-last of channels-last and so on, else rows.
Strides strides_like(const Shape& shape, const Tensor& x);

/// Each function gives a fresh tensor in the order of its (first) input. Arguments are checked by
/// the operations.

/// The tensors behind each other along an axis of y, converted to `dtype`; `shape` is y's.
Tensor concat(const std::vector<Tensor>& tensors, std::size_t axis, const Shape& shape,
              Dtype dtype);
/// The tensors as the parts of a new axis; `shape` is y's. Rows.
Tensor stack(const std::vector<Tensor>& tensors, std::size_t axis, const Shape& shape, Dtype dtype);
/// `value` everywhere but for x, whose first element comes to `start`, the next ones along axis a
/// `steps[a]` further.
Tensor place(const Tensor& x, const Shape& shape, const Shape& start, const Shape& steps,
             double value);
/// x backwards along the axes a for which reversed[a].
Tensor flip(const Tensor& x, const bool* reversed);
/// Of each matrix [..., i, j] the elements with j - i <= diagonal (lower) or >= diagonal (not
/// lower), the others 0.
Tensor triangle(const Tensor& x, bool lower, std::int64_t diagonal);

}  // namespace tenon::kernels
