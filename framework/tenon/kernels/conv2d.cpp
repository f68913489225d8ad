#include "tenon/kernels/conv2d.h"

#include <algorithm>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/kernels/onednn/conv2d.h"
#include "tenon/kernels/reference/conv2d.h"
#include "tenon/kernels/simd/conv2d.h"
#include "tenon/kernels/simd/conv2d_blocked.h"
#include "tenon/kernels/simd/conv2d_internal.h"
#include "tenon/kernels/simd/product.h"

namespace tenon::kernels {
namespace {

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

/// oneDNN bug 6035: the weight gradient of a 1x1 channels-last convolution with a stride and fewer
/// than 16 input channels writes behind its buffer.
bool hits_bug_6035(const ConvGeometry& g) {
  return g.height.kernel == 1 && g.width.kernel == 1 &&
         (g.height.stride > 1 || g.width.stride > 1) && g.in_channels / g.groups < 16;
}

/// Which kernels run the three maps of a convolution: the same for all, so that a net stays in one
/// order.
enum class Family : std::uint8_t { reference, simd, simd_blocked, onednn };

/// | channels of a group, in and out | batch | kernels                          |
/// |---------------------------------|-------|----------------------------------|
/// | 16 or more                      | >= 4  | batch-inner, simd/conv2d_blocked |
/// |                                 | < 4   | channels-last, oneDNN            |
/// | one, 16 or more groups          | >= 4  | batch-inner, simd/conv2d         |
/// |                                 | < 4   | channels-last, oneDNN            |
/// | any other                       | any   | batch-inner, simd/conv2d         |
/// What oneDNN does not take stays with simd/conv2d. f64, empty tensors and kernels above 32 x 32
/// that oneDNN does not take either go to the plain loops.
Family family_of(const ConvGeometry& g, Dtype dtype) {
  constexpr std::int64_t kManyChannels = 16, kManyImages = 4;
  if (dtype != Dtype::f32) return Family::reference;
  const bool many = std::min(g.in_channels, g.out_channels) / g.groups >= kManyChannels;
  const bool depthwise = g.in_channels == g.groups && g.groups >= kManyChannels;
  if (many && g.batch >= kManyImages && simd::conv2d_blocked_takes(g)) return Family::simd_blocked;
  const bool onednn_takes = onednn::takes(g) && !hits_bug_6035(g);
  if ((many || depthwise) && g.batch < kManyImages && onednn_takes) return Family::onednn;
  if (simd::conv2d_takes(g)) return Family::simd;
  return onednn_takes ? Family::onednn : Family::reference;
}
bool is_simd(Family family) { return family == Family::simd || family == Family::simd_blocked; }

Tensor in_order(const Tensor& x, Order order, KernelScope& scope) {
  if (has_order(x, order)) return x;
  scope.count_reorder();
  return copy_to_strides(x, strides_in_order(x.shape(), order));
}
Tensor make_batch_inner(const Shape& shape) {
  return make_tensor(shape, strides_in_order(shape, Order::batch_inner), Dtype::f32);
}

bool is_padded(const ConvGeometry& g) {
  return g.height.before > 0 || g.width.before > 0 || g.height.after > 0 || g.width.after > 0;
}

}  // namespace

Tensor conv2d_operand(const Tensor& x, const ConvGeometry& g) {
  const Family family = family_of(g, x.dtype());
  if (family == Family::reference) return x;
  const Order order = is_simd(family) ? Order::batch_inner : Order::channels_last;
  if (has_order(x, order)) return x;
  KernelScope scope("conv2d_operand", "copy");
  return in_order(x, order, scope);
}

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const ConvGeometry& g,
              Activation activation) {
  const Family family = family_of(g, x.dtype());
  if (is_simd(family)) {
    Tensor y = make_batch_inner(g.y_shape());
    KernelScope scope("conv2d", "simd");
    const Tensor x_inner = in_order(x, Order::batch_inner, scope);
    const Tensor w_rows = in_order(w, Order::rows, scope);
    const Tensor b_dense = b.defined() ? in_order(b, Order::rows, scope) : b;
    (family == Family::simd ? simd::conv2d : simd::conv2d_blocked)(
        g, elements<float>(x_inner), elements<float>(w_rows),
        b.defined() ? elements<float>(b_dense) : nullptr, activation, fresh_elements<float>(y));
    return y;
  }
  if (family == Family::onednn) {
    const Tensor w_dense = describable_weights(w);
    if (onednn::Plan& plan = onednn::conv2d_plan(g, w_dense, b.defined())) {
      Tensor y = make_channels_last(g.y_shape());
      {
        KernelScope scope("conv2d", "onednn", plan.implementation());
        if (w_dense.impl() != w.impl()) scope.count_reorder();
        const Tensor x_last = in_order(x, Order::channels_last, scope);
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
  const Family family = family_of(g, dy.dtype());
  if (is_simd(family)) {
    KernelScope scope("conv2d_input_gradient", "simd");
    const Tensor dy_inner = in_order(dy, Order::batch_inner, scope);
    const Tensor w_rows = in_order(w, Order::rows, scope);
    Tensor dx = make_batch_inner(g.x_shape());
    (family == Family::simd ? simd::conv2d_input_gradient : simd::conv2d_blocked_input_gradient)(
        g, elements<float>(dy_inner), elements<float>(w_rows), fresh_elements<float>(dx));
    return dx;
  }
  if (family == Family::onednn) {
    const Tensor w_dense = describable_weights(w);
    if (onednn::Plan& plan = onednn::conv2d_input_gradient_plan(g, w_dense)) {
      KernelScope scope("conv2d_input_gradient", "onednn", plan.implementation());
      if (w_dense.impl() != w.impl()) scope.count_reorder();
      const Tensor dy_last = in_order(dy, Order::channels_last, scope);
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

ConvWeightGradient conv2d_weight_gradient(const Tensor& x, const Tensor& dy, const ConvGeometry& g,
                                          bool with_bias) {
  const Family family = family_of(g, x.dtype());
  Tensor dw = make_tensor(g.w_shape(), x.dtype());
  Tensor db = with_bias ? make_tensor({g.out_channels}, x.dtype()) : Tensor();
  if (is_simd(family)) {
    KernelScope scope("conv2d_weight_gradient", "simd");
    const Tensor x_inner = in_order(x, Order::batch_inner, scope);
    const Tensor dy_inner = in_order(dy, Order::batch_inner, scope);
    (family == Family::simd ? simd::conv2d_weight_gradient : simd::conv2d_blocked_weight_gradient)(
        g, elements<float>(x_inner), elements<float>(dy_inner), fresh_elements<float>(dw),
        with_bias ? fresh_elements<float>(db) : nullptr);
    // The zeros around the image may have met numbers that are not finite.
    if (family == Family::simd && is_padded(g) &&
        !simd::convolution::direct::is_finite(elements<float>(dw), dw.shape().numel()))
      reference::conv2d_weight_gradient(g, x_inner, dy_inner, dw);
    return {dw, db};
  }
  if (family == Family::onednn) {
    if (onednn::Plan& plan = onednn::conv2d_weight_gradient_plan(g, dw, with_bias)) {
      KernelScope scope("conv2d_weight_gradient", "onednn", plan.implementation());
      const Tensor x_last = in_order(x, Order::channels_last, scope),
                   dy_last = in_order(dy, Order::channels_last, scope);
      plan.execute({&x_last, &dy_last, &dw, with_bias ? &db : nullptr});
      return {dw, db};
    }
  }
  const KernelScope scope("conv2d_weight_gradient", "reference");
  reference::conv2d_weight_gradient(g, x, dy, dw);
  if (with_bias) reference::conv2d_bias_gradient(g, dy, db);
  return {dw, db};
}

}  // namespace tenon::kernels
