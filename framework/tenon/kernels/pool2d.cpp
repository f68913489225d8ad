#include "tenon/kernels/pool2d.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/onednn/pool2d.h"
#include "tenon/kernels/reference/pool2d.h"

namespace tenon::kernels {
namespace {

Tensor make_in(const Shape& shape, Order order, Dtype dtype) {
  return make_tensor(shape, strides_in_order(shape, order == Order::other ? Order::rows : order),
                     dtype);
}

bool goes_to_onednn(const PoolGeometry& g, Dtype dtype) {
  return dtype == Dtype::f32 && onednn::takes(g);
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, const PoolGeometry& g) {
  Tensor y = make_in(g.y_shape(), order_of(x), x.dtype());
  if (goes_to_onednn(g, x.dtype()) && has_order(x, Order::channels_last) &&
      has_order(y, Order::channels_last)) {
    if (onednn::Plan& plan = onednn::avg_pool2d_plan(g)) {
      const KernelScope scope("avg_pool2d", "onednn", plan.implementation());
      plan.execute({&x, &y});
      return y;
    }
  }
  const KernelScope scope("avg_pool2d", "reference");
  reference::avg_pool2d(g, x, y);
  return y;
}

Tensor avg_pool2d_gradient(const Tensor& dy, const PoolGeometry& g, Order order) {
  Tensor dx = make_in(g.x_shape(), order, dy.dtype());
  if (goes_to_onednn(g, dy.dtype()) && has_order(dx, Order::channels_last)) {
    if (onednn::Plan& plan = onednn::avg_pool2d_gradient_plan(g)) {
      KernelScope scope("avg_pool2d_gradient", "onednn", plan.implementation());
      Tensor dy_last = dy;
      if (!has_order(dy, Order::channels_last)) {
        scope.count_reorder();
        dy_last = copy_to_strides(dy, strides_in_order(dy.shape(), Order::channels_last));
      }
      plan.execute({&dy_last, &dx});
      return dx;
    }
  }
  const KernelScope scope("avg_pool2d_gradient", "reference");
  reference::avg_pool2d_gradient(g, dy, dx);
  return dx;
}

MaxPool max_pool2d(const Tensor& x, const PoolGeometry& g, bool want_indices) {
  const KernelScope scope("max_pool2d", "reference");
  MaxPool result{make_in(g.y_shape(), order_of(x), x.dtype()), {}};
  if (want_indices) result.indices = make_tensor(g.y_shape(), result.y.strides(), Dtype::i32);
  reference::max_pool2d(g, x, result.y, result.indices);
  return result;
}

Tensor max_pool2d_scatter(const Tensor& dy, const Tensor& indices, const PoolGeometry& g) {
  const KernelScope scope("max_pool2d_scatter", "reference");
  Tensor dx = make_in(g.x_shape(), order_of(indices), dy.dtype());
  reference::max_pool2d_scatter(g, dy, indices, dx);
  return dx;
}

Tensor max_pool2d_gather(const Tensor& x, const Tensor& indices, const PoolGeometry& g) {
  const KernelScope scope("max_pool2d_gather", "reference");
  Tensor y = make_tensor(g.y_shape(), indices.strides(), x.dtype());
  reference::max_pool2d_gather(g, x, indices, y);
  return y;
}

}  // namespace tenon::kernels
