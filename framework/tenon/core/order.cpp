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

Strides contiguous_strides(const Shape& shape) { return strides_in_order(shape, Order::rows); }

bool has_order(const Tensor& x, Order order) {
  const Shape& shape = x.shape();
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
  if (shape.numel() == 0) return true;
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
    if (!operand->defined() || operand->shape() != shape || !is_dense(shape, operand->strides()))
      continue;
    return has_order(*operand, Order::rows) ? contiguous_strides(shape) : operand->strides();
  }
  return contiguous_strides(shape);
}

}  // namespace tenon
