#include "tenon/ops/shape_internal.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {

void choose_axes(const char* operation, const Tensor& x, const Axes& axes, bool (&chosen)[kMaxRank],
                 Where where) {
  for (std::size_t axis = 0; axis < kMaxRank; ++axis) chosen[axis] = axes.empty();
  for (const std::int64_t axis : axes) {
    bool& flag = chosen[normalize_axis(operation, x, axis, where)];
    if (flag)
      Fault(operation, where)
          .operand("x", x)
          .raise<ShapeError>(fmt::format("axis {} is given twice", axis));
    flag = true;
  }
}

std::size_t new_axis(const char* operation, const Tensor& x, std::int64_t axis, Where where) {
  check_defined(operation, "x", x, where);
  const std::int64_t rank = x.rank();
  if (axis < -rank - 1 || axis > rank)
    Fault(operation, where)
        .operand("x", x)
        .raise<ShapeError>(
            fmt::format("a new axis cannot come to {}: only to {} to {}", axis, -rank - 1, rank));
  if (rank == static_cast<std::int64_t>(kMaxRank))
    Fault(operation, where)
        .operand("x", x)
        .raise<ShapeError>(fmt::format("x has {} axes already, the most there are", rank));
  return static_cast<std::size_t>(axis < 0 ? axis + rank + 1 : axis);
}

void check_holds(const char* operation, const Tensor& x, double value, Where where) {
  const bool holds = visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) return true;
    constexpr int kBits = std::is_same_v<T, bool> ? 1 : std::numeric_limits<T>::digits;
    return value == std::trunc(value) && value < std::ldexp(1.0, kBits) &&
           value >= (std::is_signed_v<T> ? -std::ldexp(1.0, kBits) : 0.0);
  });
  if (!holds)
    Fault(operation, where)
        .operand("x", x)
        .raise<DataError>(
            fmt::format("x is {}, which cannot hold {}", to_string(x.dtype()), value));
}

}  // namespace tenon
