#include "tenon/kernels/onednn/conv2d.h"

#include <limits>

namespace tenon::kernels::onednn {
namespace {

constexpr auto kDirect = dnnl::algorithm::convolution_direct;

/// [C_out, C_in / groups, K_h, K_w], or with groups [groups, C_out / groups, C_in / groups, K_h,
/// K_w].
Shape grouped(const Shape& w, std::int64_t groups) {
  if (groups == 1) return w;
  return {groups, w[0] / groups, w[1], w[2], w[3]};
}
dnnl::memory::desc weights_of(const Tensor& w, std::int64_t groups) {
  if (groups == 1) return desc_of(w);
  Strides strides = w.strides();
  strides.insert(0, strides[0] * (w.shape()[0] / groups));
  return desc_of(grouped(w.shape(), groups), strides);
}

struct Window {
  dnnl::memory::dims stride, dilation, before, after;
  explicit Window(const ConvGeometry& g)
      : stride{g.height.stride, g.width.stride},
        dilation{g.height.dilation - 1, g.width.dilation - 1},  // oneDNN counts the gaps
        before{g.height.before, g.width.before},
        // What is left over at the end is not part of oneDNN's padding.
        after{used_after(g.height), used_after(g.width)} {}
  static std::int64_t used_after(const WindowAxis& axis) {
    return (axis.output - 1) * axis.stride + axis.extent() - axis.input - axis.before;
  }
};

PlanKey key_of(PlanKind kind, const ConvGeometry& g, const Tensor& w) {
  PlanKey key(kind);
  key.add(g.batch).add(g.in_channels).add(g.out_channels).add(g.groups);
  for (const WindowAxis& axis : {g.height, g.width})
    key.add(axis.input)
        .add(axis.output)
        .add(axis.kernel)
        .add(axis.stride)
        .add(axis.dilation)
        .add(axis.before);
  return key.add(w.strides());
}

/// At about 25 multiply-adds and 2 elements a nanosecond.
Work work_of(const ConvGeometry& g) {
  const double elements =
      static_cast<double>(g.x_shape().numel()) + static_cast<double>(g.y_shape().numel());
  return onednn::work_of(g.multiply_adds() / 25 + elements / 2);
}

dnnl::convolution_forward::primitive_desc forward_desc(const ConvGeometry& g, bool has_bias) {
  const Window window(g);
  const dnnl::memory::desc b = has_bias ? desc_of({g.out_channels}, {1}) : dnnl::memory::desc();
  return {engine(),
          dnnl::prop_kind::forward_training,
          kDirect,
          channels_last(g.x_shape()),
          any_format(grouped(g.w_shape(), g.groups)),
          b,
          channels_last(g.y_shape()),
          window.stride,
          window.dilation,
          window.before,
          window.after,
          attributes()};
}

}  // namespace

bool takes(const ConvGeometry& g) {
  if (g.x_shape().numel() == 0 || g.w_shape().numel() == 0 || g.y_shape().numel() == 0)
    return false;
  for (const std::int64_t size : {g.batch, g.in_channels, g.out_channels})
    if (size > std::numeric_limits<std::int32_t>::max()) return false;
  for (const WindowAxis& axis : {g.height, g.width}) {
    const std::int64_t after = Window::used_after(axis);
    if (axis.before >= axis.extent() || after >= axis.extent()) return false;
    // A transposed convolution whose dilation exceeds its stride may leave out whole windows.
    if (after <= -axis.stride) return false;
  }
  return true;
}

Plan& conv2d_plan(const ConvGeometry& g, const Tensor& w, bool has_bias) {
  PlanKey key = key_of(PlanKind::convolution, g, w);
  key.add(std::int64_t{has_bias});
  return plan_for(key, work_of(g), [&]() -> PlanRecipe {
    const auto desc = forward_desc(g, has_bias);
    return {desc,
            {{DNNL_ARG_SRC, desc.src_desc()},
             {DNNL_ARG_WEIGHTS, desc.weights_desc(), weights_of(w, g.groups)},
             {DNNL_ARG_BIAS, desc.bias_desc()},
             {DNNL_ARG_DST, desc.dst_desc()}}};
  });
}

Plan& conv2d_input_gradient_plan(const ConvGeometry& g, const Tensor& w) {
  return plan_for(
      key_of(PlanKind::convolution_input_gradient, g, w), work_of(g), [&]() -> PlanRecipe {
        const Window window(g);
        const dnnl::convolution_backward_data::primitive_desc desc(
            engine(), kDirect, channels_last(g.x_shape()),
            any_format(grouped(g.w_shape(), g.groups)), channels_last(g.y_shape()), window.stride,
            window.dilation, window.before, window.after, forward_desc(g, false), attributes());
        return {desc,
                {{DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
                 {DNNL_ARG_WEIGHTS, desc.weights_desc(), weights_of(w, g.groups)},
                 {DNNL_ARG_DIFF_SRC, desc.diff_src_desc()}}};
      });
}

Plan& conv2d_weight_gradient_plan(const ConvGeometry& g, const Tensor& dw, bool has_bias) {
  PlanKey key = key_of(PlanKind::convolution_weight_gradient, g, dw);
  key.add(std::int64_t{has_bias});
  return plan_for(key, work_of(g), [&]() -> PlanRecipe {
    const Window window(g);
    const dnnl::memory::desc b = has_bias ? desc_of({g.out_channels}, {1}) : dnnl::memory::desc();
    const dnnl::convolution_backward_weights::primitive_desc desc(
        engine(), kDirect, channels_last(g.x_shape()), any_format(grouped(g.w_shape(), g.groups)),
        b, channels_last(g.y_shape()), window.stride, window.dilation, window.before, window.after,
        forward_desc(g, has_bias), attributes());
    return {desc,
            {{DNNL_ARG_SRC, desc.src_desc()},
             {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
             {DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc(), weights_of(dw, g.groups), true},
             {DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc()}}};
  });
}

}  // namespace tenon::kernels::onednn
