#include "tenon/ops/pool2d.h"

#include <limits>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/kernels/pool2d.h"
#include "tenon/ops/conv_geometry_internal.h"

namespace tenon {
namespace {

/// y = the average of each window of x: linear, and the next function its transpose.
Tensor average(const Tensor& x, const PoolGeometry& g, Where where = Where::current());

/// dx of y = average(x), in the order that x had.
Tensor avg_pool2d_gradient(const Tensor& dy, const PoolGeometry& g, Order order,
                           Where where = Where::current()) {
  Tensor dx = kernels::avg_pool2d_gradient(dy, g, order);

  return record(
      "avg_pool2d_gradient", {dy}, dx,
      [g](const Tensor& d, const Needs&) -> Gradients { return {average(d, g)}; }, where);
}

Tensor average(const Tensor& x, const PoolGeometry& g, Where where) {
  Tensor y = kernels::avg_pool2d(x, g);

  return record(
      "avg_pool2d", {x}, y,
      [g, order = order_of(x)](const Tensor& dy, const Needs&) -> Gradients {
        return {avg_pool2d_gradient(dy, g, order)};
      },
      where);
}

/// The elements of x at the maxima that `indices` name: linear in x, and the next function its
/// transpose.
Tensor max_pool2d_gather(const Tensor& x, const Tensor& indices, const PoolGeometry& g,
                         Where where = Where::current());

/// dx = dy added at the maxima.
Tensor max_pool2d_scatter(const Tensor& dy, const Tensor& indices, const PoolGeometry& g,
                          Where where = Where::current()) {
  Tensor dx = kernels::max_pool2d_scatter(dy, indices, g);

  return record(
      "max_pool2d_scatter", {dy}, dx,
      [g, indices = Saved(indices)](const Tensor& d, const Needs&) -> Gradients {
        return {max_pool2d_gather(d, indices.get(), g)};
      },
      where);
}

Tensor max_pool2d_gather(const Tensor& x, const Tensor& indices, const PoolGeometry& g,
                         Where where) {
  Tensor y = kernels::max_pool2d_gather(x, indices, g);

  return record(
      "max_pool2d_gather", {x}, y,
      [g, indices = Saved(indices)](const Tensor& dy, const Needs&) -> Gradients {
        return {max_pool2d_scatter(dy, indices.get(), g)};
      },
      where);
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, Size2 kernel, const Pool2dOptions& options, Where where) {
  return average(x, pool2d_geometry("avg_pool2d", x, kernel, options, where), where);
}

Tensor max_pool2d(const Tensor& x, Size2 kernel, const Pool2dOptions& options, Where where) {
  const PoolGeometry g = pool2d_geometry("max_pool2d", x, kernel, options, where);
  if (g.height.input > std::numeric_limits<std::int32_t>::max() / g.width.input)
    Fault("max_pool2d", where)
        .operand("x", x, "N, C, H, W")
        .raise<ShapeError>("an image has 2^31 pixels or more");
  const kernels::MaxPool pooled = kernels::max_pool2d(x, g, detail::is_recorded(&x, 1));

  return record(
      "max_pool2d", {x}, pooled.y,
      [g, indices = Saved(pooled.indices)](const Tensor& dy, const Needs&) -> Gradients {
        return {max_pool2d_scatter(dy, indices.get(), g)};
      },
      where);
}

}  // namespace tenon
