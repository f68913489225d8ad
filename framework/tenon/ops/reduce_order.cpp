#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reduce.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/reduce_internal.h"

namespace tenon {
namespace {

/// dx = dy where x = y, in equal parts if there are several.
Tensor extreme_gradient(const Tensor& dy, const Tensor& x, const Tensor& y, ReducedAxes reduced) {
  const Tensor hits =
      equal(x.detach(), expand_reduced(y.detach(), x.shape(), reduced)).to(x.dtype());
  const Tensor count = sum(hits, reduced.list(), {.keepdim = true});
  return expand_reduced(dy, x.shape(), reduced) * (hits / count);
}

}  // namespace

Tensor max(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  const ReducedAxes reduced = reduced_axes("max", x, axes, options.keepdim, where);
  check_not_empty("max", x, reduced, where);
  Tensor y = kernels::max(x, axes, options.keepdim);

  return record(
      "max", {x}, y,
      [x = Saved(x), y = Saved::output(y), reduced](const Tensor& dy, const Needs&) -> Gradients {
        return {extreme_gradient(dy, x.get(), y.get(), reduced)};
      },
      where);
}

Tensor min(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  const ReducedAxes reduced = reduced_axes("min", x, axes, options.keepdim, where);
  check_not_empty("min", x, reduced, where);
  Tensor y = kernels::min(x, axes, options.keepdim);

  return record(
      "min", {x}, y,
      [x = Saved(x), y = Saved::output(y), reduced](const Tensor& dy, const Needs&) -> Gradients {
        return {extreme_gradient(dy, x.get(), y.get(), reduced)};
      },
      where);
}

Tensor any(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  reduced_axes("any", x, axes, options.keepdim, where);
  return kernels::any(x, axes, options.keepdim);
}

Tensor all(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  reduced_axes("all", x, axes, options.keepdim, where);
  return kernels::all(x, axes, options.keepdim);
}

Tensor argmax(const Tensor& x, std::int64_t axis, ReduceOptions options, Where where) {
  check_not_empty("argmax", x, reduced_axes("argmax", x, axis, options.keepdim, where), where);
  return kernels::argmax(x, axis, options.keepdim);
}

Tensor argmin(const Tensor& x, std::int64_t axis, ReduceOptions options, Where where) {
  check_not_empty("argmin", x, reduced_axes("argmin", x, axis, options.keepdim, where), where);
  return kernels::argmin(x, axis, options.keepdim);
}

}  // namespace tenon
