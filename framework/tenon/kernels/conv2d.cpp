#include "tenon/kernels/conv2d.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/kernels/onednn/conv2d.h"
#include "tenon/kernels/reference/conv2d.h"

namespace tenon::kernels {
namespace {

Tensor channels_last(const Tensor& x, KernelScope& scope) {
  if (has_order(x, Order::channels_last)) return x;
  scope.count_reorder();
  return copy_to_strides(x, strides_in_order(x.shape(), Order::channels_last));
}
Tensor describable(const Tensor& x, KernelScope& scope) {
  if (onednn::is_describable(x)) return x;
  scope.count_reorder();
  return copy_to_strides(x, contiguous_strides(x.shape()));
}
/// Weights that a plan can describe, before there is a scope to count the copy in.
Tensor describable_weights(const Tensor& w) {
  return onednn::is_describable(w) ? w : copy_to_strides(w, contiguous_strides(w.shape()));
}
Tensor make_channels_last(const Shape& shape) {
  return make_tensor(shape, strides_in_order(shape, Order::channels_last), Dtype::f32);
}
/// A fresh tensor in the order of the activations `like`.
Tensor make_like(const Shape& shape, const Tensor& like) {
  const Order order = order_of(like);
  return make_tensor(shape, strides_in_order(shape, order == Order::other ? Order::rows : order),
                     like.dtype());
}

bool goes_to_onednn(const ConvGeometry& g, Dtype dtype) {
  return dtype == Dtype::f32 && onednn::takes(g);
}

/// oneDNN bug 6035: the weight gradient of a 1x1 channels-last convolution with a stride and fewer
/// than 16 input channels writes behind its buffer.
bool hits_bug_6035(const ConvGeometry& g) {
  return g.height.kernel == 1 && g.width.kernel == 1 &&
         (g.height.stride > 1 || g.width.stride > 1) && g.in_channels / g.groups < 16;
}
bool is_padded(const ConvGeometry& g) {
  return g.height.before > 0 || g.width.before > 0 || g.height.after > 0 || g.width.after > 0;
}

/// The pixels that an unpadded 1x1 convolution with strides reads, and the geometry of the dense
/// convolution of them.
Tensor read_pixels(const Tensor& x, ConvGeometry& g) {
  Strides strides = x.strides();
  strides[2] *= g.height.stride;
  strides[3] *= g.width.stride;
  for (WindowAxis* axis : {&g.height, &g.width}) {
    axis->input = axis->output;
    axis->stride = 1;
  }
  return make_view(x, g.x_shape(), strides, x.impl()->offset);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const ConvGeometry& g,
              Activation activation) {
  if (goes_to_onednn(g, x.dtype())) {
    const Tensor w_dense = describable_weights(w);
    if (onednn::Plan& plan = onednn::conv2d_plan(g, w_dense, b.defined())) {
      Tensor y = make_channels_last(g.y_shape());
      {
        KernelScope scope("conv2d", "onednn", plan.implementation());
        if (w_dense.impl() != w.impl()) scope.count_reorder();
        const Tensor x_last = channels_last(x, scope);
        const Tensor b_dense = b.defined() ? describable(b, scope) : b;
        plan.execute({&x_last, &w_dense, b.defined() ? &b_dense : nullptr, &y});
      }
      activate_in_place(y, activation);
      return y;
    }
  }
  const KernelScope scope("conv2d", "reference");
  Tensor y = make_like(g.y_shape(), x);
  reference::conv2d(g, x, w, b, activation, y);
  return y;
}

Tensor conv2d_input_gradient(const Tensor& dy, const Tensor& w, const ConvGeometry& g) {
  if (goes_to_onednn(g, dy.dtype())) {
    const Tensor w_dense = describable_weights(w);
    if (onednn::Plan& plan = onednn::conv2d_input_gradient_plan(g, w_dense)) {
      KernelScope scope("conv2d_input_gradient", "onednn", plan.implementation());
      if (w_dense.impl() != w.impl()) scope.count_reorder();
      const Tensor dy_last = channels_last(dy, scope);
      Tensor dx = make_channels_last(g.x_shape());
      plan.execute({&dy_last, &w_dense, &dx});
      return dx;
    }
  }
  const KernelScope scope("conv2d_input_gradient", "reference");
  Tensor dx = make_like(g.x_shape(), dy);
  reference::conv2d_input_gradient(g, dy, w, dx);
  return dx;
}

ConvWeightGradient conv2d_weight_gradient(const Tensor& x, const Tensor& dy,
                                          const ConvGeometry& geometry, bool with_bias) {
  ConvGeometry g = geometry;
  Tensor x_read = x;
  const bool unsafe = hits_bug_6035(g);
  if (unsafe && !is_padded(g)) x_read = read_pixels(x, g);

  Tensor dw = make_tensor(g.w_shape(), x.dtype());
  Tensor db = with_bias ? make_tensor({g.out_channels}, x.dtype()) : Tensor();
  if (goes_to_onednn(g, x.dtype()) && !hits_bug_6035(g)) {
    if (onednn::Plan& plan = onednn::conv2d_weight_gradient_plan(g, dw, with_bias)) {
      KernelScope scope("conv2d_weight_gradient", "onednn", plan.implementation());
      const Tensor x_last = channels_last(x_read, scope), dy_last = channels_last(dy, scope);
      plan.execute({&x_last, &dy_last, &dw, with_bias ? &db : nullptr});
      return {dw, db};
    }
  }
  const KernelScope scope("conv2d_weight_gradient", "reference");
  reference::conv2d_weight_gradient(g, x_read, dy, dw);
  if (with_bias) reference::conv2d_bias_gradient(g, dy, db);
  return {dw, db};
}

}  // namespace tenon::kernels
