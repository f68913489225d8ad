#include <fmt/format.h>

#include <vector>

#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/ops/reduce_internal.h"
#include "tenon/ops/shape.h"

namespace tenon {

std::int64_t ReducedAxes::count(const Shape& shape) const {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < shape.rank(); ++i)
    if ((*this)[i]) count *= shape[i];
  return count;
}

Axes ReducedAxes::list() const {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < kMaxRank; ++i)
    if ((*this)[i]) axes.push_back(static_cast<std::int64_t>(i));
  return Axes(axes);
}

ReducedAxes reduced_axes(const char* operation, const Tensor& x, const Axes& axes, bool keepdim,
                         Where where) {
  check_defined(operation, "x", x, where);
  ReducedAxes reduced{.mask = 0, .keepdim = keepdim};
  if (axes.empty()) {
    reduced.mask = static_cast<std::uint8_t>((1U << x.shape().rank()) - 1);
    return reduced;
  }
  for (const std::int64_t axis : axes) {
    const std::size_t i = normalize_axis(operation, x, axis, where);
    if (reduced[i])
      Fault(operation, where)
          .operand("x", x)
          .raise<ShapeError>(fmt::format("axis {} is named twice", axis));
    reduced.mask = static_cast<std::uint8_t>(reduced.mask | 1U << i);
  }
  return reduced;
}

void check_not_empty(const char* operation, const Tensor& x, ReducedAxes axes, Where where) {
  const Shape& shape = x.shape();
  for (std::size_t i = 0; i < shape.rank(); ++i)
    if (axes[i] && shape[i] == 0)
      Fault(operation, where)
          .operand("x", x)
          .raise<ShapeError>(
              fmt::format("axis {} has size 0, and no elements have no {}", i, operation));
}

Tensor expand_reduced(const Tensor& y, const Shape& shape, ReducedAxes axes) {
  Tensor expanded = y;
  std::size_t leading = 0;  // expand adds these by itself
  while (leading < shape.rank() && axes[leading]) ++leading;
  for (std::size_t i = leading; i < shape.rank() && !axes.keepdim; ++i)
    if (axes[i]) expanded = unsqueeze(expanded, static_cast<std::int64_t>(i - leading));
  return expanded.shape() == shape ? expanded : expand(expanded, shape);
}

}  // namespace tenon
