#pragma once

#include <initializer_list>

#include "tenon/core/tensor.h"

namespace tenon {

/// A layout is only strides. The three that kernels know, for the logical axes N, C, H, W.
enum class Order : std::uint8_t { rows, channels_last, batch_inner, other };

/// Which of the three a dense tensor has; axes of size 1 match every order, and rows wins a tie.
/// `other` for gaps, overlaps or another permutation. channels_last needs rank 3 or more,
/// batch_inner rank 2 or more.
Order order_of(const Tensor& x);
bool has_order(const Tensor& x, Order order);

/// Dense strides of `shape` in `order` (not `other`).
Strides strides_in_order(const Shape& shape, Order order);

/// The strides an elementwise operation gives its output: those of the first dense operand that has
/// the full output shape (any permutation without gaps), else rows. Operands with a stride 0 never
/// decide.
Strides output_order(const Shape& shape, std::initializer_list<const Tensor*> operands);

/// Whether the elements fill their span of memory without gaps or overlap, in any order of axes.
bool is_dense(const Shape& shape, const Strides& strides);

}  // namespace tenon
