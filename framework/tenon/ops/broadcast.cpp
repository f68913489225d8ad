#include <fmt/format.h>

#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/loop_internal.h"
#include "tenon/ops/broadcast_internal.h"

namespace tenon {
namespace {

/// The axis, counted from the last (-1), whose sizes differ; 0 if the shapes broadcast.
std::int64_t conflict(const Shape& a, const Shape& b) {
  for (std::size_t back = 1; back <= a.rank() && back <= b.rank(); ++back) {
    const std::int64_t size_a = a[a.rank() - back], size_b = b[b.rank() - back];
    if (size_a != size_b && size_a != 1 && size_b != 1) return -static_cast<std::int64_t>(back);
  }
  return 0;
}

std::int64_t size_from_end(const Tensor& x, std::int64_t axis) {
  return x.shape()[static_cast<std::size_t>(x.rank() + axis)];
}

}  // namespace

Shape broadcast_shapes(const char* operation, std::initializer_list<NamedOperand> operands,
                       Dtype dtype, Where where) {
  Shape shape;
  bool first = true, same = true;
  for (const NamedOperand* at = operands.begin(); at != operands.end(); ++at) {
    if (!at->tensor) continue;
    check_defined(operation, at->name, *at->tensor, where);
    const Shape& other = at->tensor->shape();
    if (first) {
      shape = other;
      first = false;
      continue;
    }
    if (other == shape) continue;
    same = false;
    for (const NamedOperand* before = operands.begin(); before != at; ++before) {
      if (!before->tensor) continue;
      const std::int64_t axis = conflict(before->tensor->shape(), other);
      if (axis != 0)
        Fault(operation, where)
            .operand(before->name, *before->tensor)
            .operand(at->name, *at->tensor)
            .fix(
                "The sizes of an axis must be equal, or one of them 1; shapes are aligned at their "
                "last axis.")
            .raise<ShapeError>(
                fmt::format("{} and {} do not broadcast: axis {} has size {} in {} but {} in {}",
                            before->name, at->name, axis, size_from_end(*before->tensor, axis),
                            before->name, size_from_end(*at->tensor, axis), at->name));
    }
    shape = kernels::broadcast_shape(shape, other);
  }
  if (!same) check_sizes(operation, shape, dtype, where);
  return shape;
}

Tensor real_values(const char* operation, const Tensor& x, Where where) {
  check_defined(operation, "x", x, where);
  return is_floating(x.dtype()) ? x : kernels::convert(x, Dtype::f32);
}

}  // namespace tenon
