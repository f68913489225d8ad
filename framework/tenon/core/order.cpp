#include <algorithm>
#include <array>

#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

/// The axes from the outermost to the innermost.
std::array<std::size_t, kMaxRank> axes_in_order(std::size_t rank, Order order) {
  std::array<std::size_t, kMaxRank> axes{};
  std::size_t count = 0;
  if (order == Order::channels_last && rank >= 3) {  // N, H, W, C
    axes[count++] = 0;
    for (std::size_t axis = 2; axis < rank; ++axis) axes[count++] = axis;
    axes[count++] = 1;
  } else if (order == Order::batch_inner && rank >= 2) {  // C, H, W, N
    for (std::size_t axis = 1; axis < rank; ++axis) axes[count++] = axis;
    axes[count++] = 0;
  } else {
    for (; count < rank; ++count) axes[count] = count;
  }
  return axes;
}

bool matches(const Shape& shape, const Strides& strides, const Strides& want) {
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1 && strides[axis] != want[axis]) return false;
  return true;
}

/// Row-major without gaps, in one walk: what nearly every tensor is asked first.
bool is_rows(const Shape& shape, const Strides& strides) {
  std::int64_t step = 1;
  bool is = true;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    if (shape[axis] == 0) return true;
    is = is && (shape[axis] == 1 || strides[axis] == step);
    step *= shape[axis];
  }
  return is;
}

}  // namespace

Strides strides_in_order(const Shape& shape, Order order) {
  const std::size_t rank = shape.rank();
  const auto axes = axes_in_order(rank, order);
  Strides strides = shape;
  std::int64_t step = 1;
  for (std::size_t i = rank; i-- > 0;) {
    strides[axes[i]] = step;
    step *= std::max<std::int64_t>(shape[axes[i]], 1);
  }
  return strides;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides = shape;
  std::int64_t step = 1;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    strides[axis] = step;
    step *= std::max<std::int64_t>(shape[axis], 1);
  }
  return strides;
}

bool has_order(const Tensor& x, Order order) {
  const Shape& shape = x.shape();
  if (order == Order::rows) return is_rows(shape, x.strides());
  if ((order == Order::channels_last && shape.rank() < 3) ||
      (order == Order::batch_inner && shape.rank() < 2))
    return false;
  return shape.numel() == 0 || matches(shape, x.strides(), strides_in_order(shape, order));
}

Order order_of(const Tensor& x) {
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner})
    if (has_order(x, order)) return order;
  return Order::other;
}

bool is_dense(const Shape& shape, const Strides& strides) {
  if (is_rows(shape, strides)) return true;
  std::array<std::size_t, kMaxRank> axes{};
  std::size_t count = 0;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) axes[count++] = axis;
  std::sort(axes.begin(), axes.begin() + count,
            [&](std::size_t a, std::size_t b) { return strides[a] < strides[b]; });
  std::int64_t step = 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (strides[axes[i]] != step) return false;
    step *= shape[axes[i]];
  }
  return true;
}

Strides output_order(const Shape& shape, std::initializer_list<const Tensor*> operands) {
  for (const Tensor* operand : operands) {
    if (!operand->defined() || operand->shape() != shape) continue;
    if (is_rows(shape, operand->strides())) break;
    if (is_dense(shape, operand->strides())) return operand->strides();
  }
  return contiguous_strides(shape);
}

}  // namespace tenon
