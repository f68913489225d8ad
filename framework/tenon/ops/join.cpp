#include "tenon/kernels/join.h"

#include <fmt/format.h>

#include <utility>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/ops/shape.h"
#include "tenon/ops/shape_internal.h"

namespace tenon {

namespace {

/// Throws unless there is at least one tensor and all are defined; the dtype that holds them all.
Dtype check_list(const char* operation, const std::vector<Tensor>& tensors, Where where) {
  if (tensors.empty()) Fault(operation, where).raise<ShapeError>("the list of tensors is empty");
  for (std::size_t i = 0; i < tensors.size(); ++i)
    check_defined(operation, fmt::format("tensors[{}]", i).c_str(), tensors[i], where);
  Dtype dtype = tensors[0].dtype();
  for (const Tensor& x : tensors) dtype = promote(dtype, x.dtype());
  return dtype;
}

[[noreturn]] void raise_mismatch(const char* operation, const std::vector<Tensor>& tensors,
                                 std::size_t i, std::string_view what, Where where) {
  Fault(operation, where)
      .operand("tensors[0]", tensors[0])
      .operand(fmt::format("tensors[{}]", i), tensors[i])
      .raise<ShapeError>(what);
}

Tensor triangle(const char* name, const Tensor& x, bool lower, std::int64_t diagonal, Where where) {
  check_defined(name, "x", x, where);
  if (x.rank() < 2)
    Fault(name, where)
        .operand("x", x)
        .raise<ShapeError>(fmt::format("x has {} axes but a matrix has 2", x.rank()));
  const Tensor y = kernels::triangle(x, lower, diagonal);

  return record(
      name, {x}, y,
      [lower, diagonal](const Tensor& dy, const Needs&) -> Gradients {
        return {lower ? tril(dy, diagonal) : triu(dy, diagonal)};
      },
      where);
}

}  // namespace

Tensor concat(const std::vector<Tensor>& tensors, std::int64_t axis, Where where) {
  const Dtype dtype = check_list("concat", tensors, where);
  if (tensors[0].rank() == 0)
    Fault("concat", where)
        .operand("tensors[0]", tensors[0])
        .fix("Use stack, which makes a new axis.")
        .raise<ShapeError>("scalars have no axis to be joined along");
  const std::size_t at = normalize_axis("concat", tensors[0], axis, where);
  Shape shape = tensors[0].shape();
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    const Shape& other = tensors[i].shape();
    if (other.rank() != shape.rank())
      raise_mismatch("concat", tensors, i,
                     fmt::format("tensors[{}] has {} axes but tensors[0] has {}", i, other.rank(),
                                 shape.rank()),
                     where);
    for (std::size_t a = 0; a < shape.rank(); ++a)
      if (a != at && other[a] != shape[a])
        raise_mismatch("concat", tensors, i,
                       fmt::format("axis {} of tensors[{}] has size {} but of tensors[0] size {}",
                                   a, i, other[a], shape[a]),
                       where);
    if (__builtin_add_overflow(shape[at], other[at], &shape[at]))
      raise_mismatch("concat", tensors, i,
                     fmt::format("the sizes of axis {} add up to more than memory can be", at),
                     where);
  }
  check_sizes("concat", shape, dtype, where);
  const Tensor y = kernels::concat(tensors, at, shape, dtype);

  std::vector<std::pair<std::int64_t, Dtype>> parts;
  parts.reserve(tensors.size());
  for (const Tensor& x : tensors) parts.emplace_back(x.shape()[at], x.dtype());
  return record(
      "concat", tensors, y,
      [at, parts = std::move(parts)](const Tensor& dy, const Needs& needs) -> Gradients {
        Gradients gradients = Gradients::undefined(parts.size());
        std::int64_t start = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
          const auto [size, part_dtype] = parts[i];
          if (needs[i])
            gradients[i] =
                slice(dy, static_cast<std::int64_t>(at), {start, start + size}).to(part_dtype);
          start += size;
        }
        return gradients;
      },
      where);
}

Tensor stack(const std::vector<Tensor>& tensors, std::int64_t axis, Where where) {
  const Dtype dtype = check_list("stack", tensors, where);
  const std::size_t at = new_axis("stack", tensors[0], axis, where);
  for (std::size_t i = 1; i < tensors.size(); ++i)
    if (tensors[i].shape() != tensors[0].shape())
      raise_mismatch("stack", tensors, i,
                     fmt::format("tensors[{}] has another shape than tensors[0]", i), where);
  Shape shape = tensors[0].shape();
  shape.insert(at, static_cast<std::int64_t>(tensors.size()));
  check_sizes("stack", shape, dtype, where);
  const Tensor y = kernels::stack(tensors, at, shape, dtype);

  std::vector<Dtype> dtypes;
  dtypes.reserve(tensors.size());
  for (const Tensor& x : tensors) dtypes.push_back(x.dtype());
  return record(
      "stack", tensors, y,
      [at, dtypes = std::move(dtypes)](const Tensor& dy, const Needs& needs) -> Gradients {
        Gradients gradients = Gradients::undefined(dtypes.size());
        for (std::size_t i = 0; i < dtypes.size(); ++i)
          if (needs[i])
            gradients[i] = select(dy, static_cast<std::int64_t>(at), static_cast<std::int64_t>(i))
                               .to(dtypes[i]);
        return gradients;
      },
      where);
}

Tensor pad(const Tensor& x, const std::vector<PadAmount>& amounts, double value, Where where) {
  check_defined("pad", "x", x, where);
  if (amounts.size() > x.shape().rank())
    Fault("pad", where)
        .operand("x", x)
        .raise<ShapeError>(
            fmt::format("{} amounts were given but x has {} axes", amounts.size(), x.rank()));
  check_holds("pad", x, value, where);
  Shape shape = x.shape(), start = Shape::filled(shape.rank(), 0);
  for (std::size_t axis = 0; axis < amounts.size(); ++axis) {
    const auto [before, after] = amounts[axis];
    if (before < 0 || after < 0)
      Fault("pad", where)
          .operand("x", x)
          .fix("To cut, use slice.")
          .raise<ShapeError>(
              fmt::format("the amount {{{}, {}}} of axis {} is negative", before, after, axis));
    if (__builtin_add_overflow(shape[axis], before, &shape[axis]) ||
        __builtin_add_overflow(shape[axis], after, &shape[axis]))
      Fault("pad", where)
          .operand("x", x)
          .raise<ShapeError>(
              fmt::format("the amount {{{}, {}}} of axis {} is larger than memory can be", before,
                          after, axis));
    start[axis] = before;
  }
  check_sizes("pad", shape, x.dtype(), where);
  const Tensor y = kernels::place(x, shape, start, Shape::filled(shape.rank(), 1), value);

  return record(
      "pad", {x}, y,
      [amounts](const Tensor& dy, const Needs&) -> Gradients {
        Tensor dx = dy;
        for (std::size_t axis = 0; axis < amounts.size(); ++axis) {
          const auto [before, after] = amounts[axis];
          if (before == 0 && after == 0) continue;
          dx = slice(dx, static_cast<std::int64_t>(axis), {before, dx.shape()[axis] - after});
        }
        return {dx};
      },
      where);
}

Tensor flip(const Tensor& x, const Axes& axes, Where where) {
  check_defined("flip", "x", x, where);
  bool reversed[kMaxRank] = {};
  choose_axes("flip", x, axes, reversed, where);
  const Tensor y = kernels::flip(x, reversed);

  return record(
      "flip", {x}, y,
      [axes](const Tensor& dy, const Needs&) -> Gradients { return {flip(dy, axes)}; }, where);
}

Tensor tril(const Tensor& x, std::int64_t diagonal, Where where) {
  return triangle("tril", x, true, diagonal, where);
}

Tensor triu(const Tensor& x, std::int64_t diagonal, Where where) {
  return triangle("triu", x, false, diagonal, where);
}

}  // namespace tenon
