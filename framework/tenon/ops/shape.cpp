#include "tenon/ops/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/join.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape_internal.h"

namespace tenon {
namespace {

/// `shape` with its -1, if there is one, worked out.
Shape resolve(const Tensor& x, const Shape& shape, Where where) {
  const auto fault = [&] { return Fault("reshape", where).operand("x", x); };
  Shape sizes = shape;
  std::optional<std::size_t> unknown;
  std::int64_t known = 1;
  bool overflow = false;
  for (std::size_t axis = 0; axis < sizes.rank(); ++axis) {
    if (sizes[axis] == -1) {
      if (unknown)
        fault().raise<ShapeError>(
            fmt::format("the shape {} has more than one -1", to_string(shape)));
      unknown = axis;
    } else if (sizes[axis] < 0) {
      fault().raise<ShapeError>(
          fmt::format("the shape {} has a negative size, {}", to_string(shape), sizes[axis]));
    } else {
      overflow |= __builtin_mul_overflow(known, sizes[axis], &known);
    }
  }
  const std::int64_t count = x.numel();
  if (unknown && known == 0)
    fault().raise<ShapeError>(
        fmt::format("the -1 in {} could be any size, as another one is 0", to_string(shape)));
  if (overflow || (unknown ? count % known != 0 : count != known))
    fault().raise<ShapeError>(
        fmt::format("the {} elements of x do not fit into the shape {}", count, to_string(shape)));
  if (unknown) sizes[*unknown] = count / known;
  return sizes;
}

/// The strides with which the elements in memory, in the order of x's logical indices, have another
/// shape; none when no strides do. Works for every memory order whose joined or cut axes lie behind
/// each other.
std::optional<Strides> view_strides(const Tensor& x, const Shape& shape) {
  if (x.numel() == 0) return contiguous_strides(shape);
  // x as few axes: neighbours that are walked as one are joined.
  Shape sizes, steps;
  for (std::size_t axis = 0; axis < x.shape().rank(); ++axis) {
    const std::int64_t size = x.shape()[axis], step = x.strides()[axis];
    if (size == 1) continue;
    const std::size_t last = sizes.rank();
    if (last > 0 && steps[last - 1] == size * step) {
      sizes[last - 1] *= size;
      steps[last - 1] = step;
    } else {
      sizes.push_back(size);
      steps.push_back(step);
    }
  }
  // Each new axis, from the innermost, is cut off the innermost joined one.
  Strides strides = shape;
  std::size_t left = sizes.rank();
  std::int64_t rest = 1, step = 1;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    if (shape[axis] != 1 && rest == 1) {
      --left;
      rest = sizes[left];
      step = steps[left];
    }
    if (rest % shape[axis] != 0) return std::nullopt;
    strides[axis] = step;
    rest /= shape[axis];
    step *= shape[axis];
  }
  return strides;
}

/// x's elements as another shape with as many: a view, or one copy in rows.
Tensor with_shape(const char* name, const Tensor& x, const Shape& shape, Where where) {
  const std::optional<Strides> strides = view_strides(x, shape);
  const Tensor y = strides ? make_view(x, shape, *strides, x.impl()->offset)
                           : make_view(kernels::copy_to_strides(x, contiguous_strides(x.shape())),
                                       shape, contiguous_strides(shape), 0);
  return record(
      name, {x}, y,
      [from = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
        return {with_shape("reshape", dy, from, Where::current())};
      },
      where);
}

/// Python's rule for a bound: negative ones count from the end, and all are limited to the axis.
std::int64_t limit_bound(std::int64_t bound, std::int64_t size) {
  return std::clamp<std::int64_t>(bound < 0 ? bound + size : bound, 0, size);
}

/// The view x[start : start + step * count : step] along an axis, without history.
Tensor part_of(const Tensor& x, std::size_t axis, std::int64_t start, std::int64_t step,
               std::int64_t count) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  const std::int64_t offset = x.impl()->offset + (count > 0 ? start * strides[axis] : 0);
  shape[axis] = count;
  if (count > 1) strides[axis] *= step;
  return make_view(x, shape, strides, offset);
}

/// Zeros of x's shape with dy at the places that a slice of x took.
Tensor slice_gradient(const Tensor& dy, const Shape& shape, std::size_t axis, std::int64_t start,
                      std::int64_t step) {
  Shape starts = Shape::filled(shape.rank(), 0), steps = Shape::filled(shape.rank(), 1);
  starts[axis] = start;
  steps[axis] = step;
  const Tensor dx = kernels::place(dy, shape, starts, steps, 0);
  const SliceOptions options{start, start + (dy.shape()[axis] - 1) * step + 1, step};
  return record("slice_gradient", {dy}, dx,
                [axis, options](const Tensor& g, const Needs&) -> Gradients {
                  return {slice(g, static_cast<std::int64_t>(axis), options)};
                });
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape, Where where) {
  check_defined("reshape", "x", x, where);
  return with_shape("reshape", x, resolve(x, shape, where), where);
}

Tensor flatten(const Tensor& x, std::int64_t start_axis, std::int64_t end_axis, Where where) {
  check_defined("flatten", "x", x, where);
  if (x.rank() == 0) return with_shape("flatten", x, {1}, where);
  const std::size_t start = normalize_axis("flatten", x, start_axis, where);
  const std::size_t end = normalize_axis("flatten", x, end_axis, where);
  if (start > end)
    Fault("flatten", where)
        .operand("x", x)
        .raise<ShapeError>(
            fmt::format("start_axis {} lies behind end_axis {}", start_axis, end_axis));
  Shape shape;
  for (std::size_t axis = 0; axis < x.shape().rank(); ++axis) {
    if (axis > start && axis <= end)
      shape[shape.rank() - 1] *= x.shape()[axis];
    else
      shape.push_back(x.shape()[axis]);
  }
  return with_shape("flatten", x, shape, where);
}

Tensor squeeze(const Tensor& x, const Axes& axes, Where where) {
  check_defined("squeeze", "x", x, where);
  bool chosen[kMaxRank] = {};
  choose_axes("squeeze", x, axes, chosen, where);
  Shape shape, strides;
  for (std::size_t axis = 0; axis < x.shape().rank(); ++axis) {
    if (chosen[axis] && x.shape()[axis] == 1) continue;
    shape.push_back(x.shape()[axis]);
    strides.push_back(x.strides()[axis]);
  }
  const Tensor y = make_view(x, shape, strides, x.impl()->offset);
  return record(
      "squeeze", {x}, y,
      [from = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
        return {reshape(dy, from)};
      },
      where);
}

Tensor unsqueeze(const Tensor& x, std::int64_t axis, Where where) {
  const std::size_t at = new_axis("unsqueeze", x, axis, where);
  Shape shape = x.shape(), strides = x.strides();
  const std::int64_t step = at < shape.rank() ? shape[at] * strides[at] : 1;
  shape.insert(at, 1);
  strides.insert(at, step);
  const Tensor y = make_view(x, shape, strides, x.impl()->offset);
  return record(
      "unsqueeze", {x}, y,
      [at](const Tensor& dy, const Needs&) -> Gradients {
        return {squeeze(dy, static_cast<std::int64_t>(at))};
      },
      where);
}

Tensor transpose(const Tensor& x, std::int64_t axis0, std::int64_t axis1, Where where) {
  const std::size_t a = normalize_axis("transpose", x, axis0, where),
                    b = normalize_axis("transpose", x, axis1, where);
  Shape shape = x.shape(), strides = x.strides();
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  const Tensor y = make_view(x, shape, strides, x.impl()->offset);
  return record(
      "transpose", {x}, y,
      [a, b](const Tensor& dy, const Needs&) -> Gradients {
        return {transpose(dy, static_cast<std::int64_t>(a), static_cast<std::int64_t>(b))};
      },
      where);
}

Tensor permute(const Tensor& x, const Axes& axes, Where where) {
  check_defined("permute", "x", x, where);
  const std::size_t rank = x.shape().rank();
  if (axes.size() != rank)
    Fault("permute", where)
        .operand("x", x)
        .raise<ShapeError>(fmt::format("{} axes were given but x has {}", axes.size(), rank));
  bool seen[kMaxRank] = {};
  choose_axes("permute", x, axes, seen, where);
  Shape shape = x.shape(), strides = x.strides(), inverse = shape;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t axis = normalize_axis("permute", x, axes[i], where);
    shape[i] = x.shape()[axis];
    strides[i] = x.strides()[axis];
    inverse[axis] = static_cast<std::int64_t>(i);
  }
  const Tensor y = make_view(x, shape, strides, x.impl()->offset);
  return record(
      "permute", {x}, y,
      [inverse](const Tensor& dy, const Needs&) -> Gradients {
        return {permute(dy, Axes(std::vector<std::int64_t>(inverse.begin(), inverse.end())))};
      },
      where);
}

Tensor expand(const Tensor& x, const Shape& shape, Where where) {
  check_defined("expand", "x", x, where);
  const std::size_t rank = shape.rank(), own = x.shape().rank();
  const auto fault = [&] { return Fault("expand", where).operand("x", x); };
  if (rank < own)
    fault().raise<ShapeError>(
        fmt::format("x has {} axes, more than the shape {}", own, to_string(shape)));
  Shape sizes = shape;
  Strides strides = Strides::filled(rank, 0);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const bool is_new = axis < rank - own;
    const std::int64_t from = is_new ? 1 : x.shape()[axis - (rank - own)];
    if (sizes[axis] == -1 && !is_new) sizes[axis] = from;
    if (from == sizes[axis] && !is_new)
      strides[axis] = x.strides()[axis - (rank - own)];
    else if (from != 1)
      fault()
          .fix("Only axes of size 1 can be expanded; -1 keeps a size.")
          .raise<ShapeError>(fmt::format("x does not expand to {}: its size {} cannot become {}",
                                         to_string(shape), from, sizes[axis]));
  }
  check_sizes("expand", sizes, x.dtype(), where);
  const Tensor y = make_view(x, sizes, strides, x.impl()->offset);
  return record(
      "expand", {x}, y,
      [from = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
        return {sum_to(dy, from)};
      },
      where);
}

Tensor slice(const Tensor& x, std::int64_t axis, SliceOptions options, Where where) {
  const std::size_t at = normalize_axis("slice", x, axis, where);
  if (options.step < 1)
    Fault("slice", where)
        .operand("x", x)
        .fix("To go backwards, flip(x, axis) first.")
        .raise<ShapeError>(fmt::format("the step is {} but must be at least 1", options.step));
  const std::int64_t size = x.shape()[at], step = options.step;
  const std::int64_t start = limit_bound(options.start, size),
                     stop = limit_bound(options.stop, size);
  const std::int64_t count = start < stop ? (stop - start - 1) / step + 1 : 0;
  const Tensor y = part_of(x, at, start, step, count);
  return record(
      "slice", {x}, y,
      [from = x.shape(), at, start, step, count](const Tensor& dy, const Needs&) -> Gradients {
        return {slice_gradient(dy, from, at, start, count > 1 ? step : 1)};
      },
      where);
}

namespace {

Tensor select_as(const char* name, const Tensor& x, std::int64_t axis, std::int64_t index,
                 Where where) {
  const std::size_t at = normalize_axis(name, x, axis, where);
  const std::int64_t size = x.shape()[at];
  if (index < -size || index >= size)
    Fault(name, where)
        .operand("x", x)
        .raise<ShapeError>(
            fmt::format("index {} is outside of axis {}, which has size {}", index, at, size));
  const std::int64_t start = index < 0 ? index + size : index;
  Shape shape = x.shape(), strides = x.strides();
  const std::int64_t offset = x.impl()->offset + start * strides[at];
  shape.erase(at);
  strides.erase(at);
  const Tensor y = make_view(x, shape, strides, offset);
  return record(
      name, {x}, y,
      [from = x.shape(), at, start](const Tensor& dy, const Needs&) -> Gradients {
        return {slice_gradient(unsqueeze(dy, static_cast<std::int64_t>(at)), from, at, start, 1)};
      },
      where);
}

}  // namespace

Tensor select(const Tensor& x, std::int64_t axis, std::int64_t index, Where where) {
  return select_as("select", x, axis, index, where);
}

Tensor Tensor::operator[](AxisIndex index) const {
  return select_as("x[i]", *this, 0, index.index(), index.where());
}

std::vector<Tensor> split(const Tensor& x, std::int64_t size, std::int64_t axis, Where where) {
  const std::size_t at = normalize_axis("split", x, axis, where);
  if (size < 1)
    Fault("split", where)
        .operand("x", x)
        .raise<ShapeError>(fmt::format("the size of the parts is {} but must be at least 1", size));
  const std::int64_t total = x.shape()[at];
  std::vector<Tensor> parts;
  for (std::int64_t start = 0; start == 0 || start < total;
       start += std::min(size, std::max<std::int64_t>(total, 1)))
    parts.push_back(part_of(x, at, start, 1, std::min(size, total - start)));

  return record(
      "split", {x}, parts,
      [from = x.shape(), dtype = x.dtype(), at, size](const Gradients& dys,
                                                      const Needs&) -> Gradients {
        std::vector<Tensor> all;
        for (std::size_t i = 0; i < dys.size(); ++i) {
          Shape shape = from;
          shape[at] = std::min(size, from[at] - static_cast<std::int64_t>(i) * size);
          all.push_back(dys[i].defined() ? dys[i] : Tensor::zeros(shape, {dtype}));
        }
        return {concat(all, static_cast<std::int64_t>(at))};
      },
      where);
}

}  // namespace tenon
