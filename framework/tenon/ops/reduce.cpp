#include "tenon/ops/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reduce.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce_internal.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

/// dx = dvar * 2 (x - mean) / divisor, for dvar expanded to x's shape.
Tensor variance_gradient(const Tensor& dvar, const Tensor& x, ReducedAxes reduced, double divisor) {
  return dvar * (2.0 / divisor * (x - mean(x, reduced.list(), {.keepdim = true})));
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  const ReducedAxes reduced = reduced_axes("sum", x, axes, options.keepdim, where);
  Tensor y = kernels::sum(x, axes, options.keepdim);

  return record(
      "sum", {x}, y,
      [shape = x.shape(), reduced](const Tensor& dy, const Needs&) -> Gradients {
        return {expand_reduced(dy, shape, reduced)};
      },
      where);
}

Tensor mean(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  const ReducedAxes reduced = reduced_axes("mean", x, axes, options.keepdim, where);
  Tensor y = kernels::mean(x, axes, options.keepdim);

  return record(
      "mean", {x}, y,
      [shape = x.shape(), reduced](const Tensor& dy, const Needs&) -> Gradients {
        return {expand_reduced(dy / reduced.count(shape), shape, reduced)};
      },
      where);
}

Tensor var(const Tensor& x, const Axes& axes, VarianceOptions options, Where where) {
  check_floating("var", x, where);
  const ReducedAxes reduced = reduced_axes("var", x, axes, options.keepdim, where);
  Tensor y = kernels::variance(x, axes, options.keepdim, options.correction, false);

  const auto divisor =
      static_cast<double>(std::max<std::int64_t>(0, reduced.count(x.shape()) - options.correction));
  return record(
      "var", {x}, y,
      [x = Saved(x), reduced, divisor](const Tensor& dy, const Needs&) -> Gradients {
        return {
            variance_gradient(expand_reduced(dy, x.shape(), reduced), x.get(), reduced, divisor)};
      },
      where);
}

Tensor stddev(const Tensor& x, const Axes& axes, VarianceOptions options, Where where) {
  check_floating("stddev", x, where);
  const ReducedAxes reduced = reduced_axes("stddev", x, axes, options.keepdim, where);
  Tensor y = kernels::variance(x, axes, options.keepdim, options.correction, true);

  const auto divisor =
      static_cast<double>(std::max<std::int64_t>(0, reduced.count(x.shape()) - options.correction));
  return record(
      "stddev", {x}, y,
      [x = Saved(x), y = Saved::output(y), reduced, divisor](const Tensor& dy,
                                                             const Needs&) -> Gradients {
        const Tensor deviation = y.get();
        const Tensor dvar = tenon::where(equal(deviation, 0), 0.0, 0.5 * dy / deviation);
        return {
            variance_gradient(expand_reduced(dvar, x.shape(), reduced), x.get(), reduced, divisor)};
      },
      where);
}

Tensor logsumexp(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  check_floating("logsumexp", x, where);
  const ReducedAxes reduced = reduced_axes("logsumexp", x, axes, options.keepdim, where);
  Tensor y = kernels::logsumexp(x, axes, options.keepdim);

  return record(
      "logsumexp", {x}, y,
      [x = Saved(x), y = Saved::output(y), reduced](const Tensor& dy, const Needs&) -> Gradients {
        const Tensor shares = exp(x.get() - expand_reduced(y.get(), x.shape(), reduced));
        return {expand_reduced(dy, x.shape(), reduced) * shares};
      },
      where);
}

Tensor cumsum(const Tensor& x, std::int64_t axis, Where where) {
  check_defined("cumsum", "x", x, where);
  const auto along = static_cast<std::int64_t>(normalize_axis("cumsum", x, axis, where));
  Tensor y = kernels::cumsum(x, along);

  return record(
      "cumsum", {x}, y,
      [along](const Tensor& dy, const Needs&) -> Gradients {
        return {flip(cumsum(flip(dy, along), along), along)};
      },
      where);
}

Tensor sum_to(const Tensor& x, const Shape& shape, Where where) {
  check_floating("sum_to", x, where);
  if (x.shape() == shape) return x;
  const std::size_t added = x.shape().rank() - shape.rank();
  std::vector<std::int64_t> axes;
  bool fits = shape.rank() <= x.shape().rank();
  for (std::size_t i = 0; fits && i < x.shape().rank(); ++i) {
    if (i >= added && x.shape()[i] == shape[i - added]) continue;
    fits = i < added || shape[i - added] == 1;
    axes.push_back(static_cast<std::int64_t>(i));
  }
  if (!fits)
    Fault("sum_to", where)
        .operand("x", x)
        .raise<ShapeError>(fmt::format("{} does not broadcast to x's shape {}", to_string(shape),
                                       to_string(x.shape())));

  Tensor y = kernels::sum(x, Axes(axes), true);
  if (added > 0) {
    Strides strides;
    for (std::size_t i = added; i < y.shape().rank(); ++i) strides.push_back(y.strides()[i]);
    y = make_view(y, shape, strides, y.impl()->offset);
  }
  return record(
      "sum_to", {x}, y,
      [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
        return {expand(dy, shape)};
      },
      where);
}

}  // namespace tenon
