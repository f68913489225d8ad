#include "tenon/kernels/onednn/pool2d.h"

#include <limits>

namespace tenon::kernels::onednn {
namespace {

/// What the last window reaches behind the image; below 0 if pixels are left over.
std::int64_t used_after(const WindowAxis& axis) {
  return (axis.output - 1) * axis.stride + axis.kernel - axis.input - axis.before;
}

PlanKey key_of(PlanKind kind, const PoolGeometry& g) {
  PlanKey key(kind);
  key.add(g.batch).add(g.channels).add(std::int64_t{g.count_include_pad});
  for (const WindowAxis& axis : {g.height, g.width})
    key.add(axis.input).add(axis.output).add(axis.kernel).add(axis.stride).add(axis.before);
  return key;
}

/// At about 2 elements of the larger tensor a nanosecond.
Work work_of(const PoolGeometry& g) {
  return onednn::work_of(static_cast<double>(g.x_shape().numel()) / 2);
}

dnnl::algorithm algorithm_of(const PoolGeometry& g) {
  return g.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding
                             : dnnl::algorithm::pooling_avg_exclude_padding;
}

struct Window {
  dnnl::memory::dims stride, kernel, dilation, before, after;
  explicit Window(const PoolGeometry& g)
      : stride{g.height.stride, g.width.stride},
        kernel{g.height.kernel, g.width.kernel},
        dilation{0, 0},
        before{g.height.before, g.width.before},
        after{used_after(g.height), used_after(g.width)} {}
};

dnnl::pooling_forward::primitive_desc forward_desc(const PoolGeometry& g) {
  const Window window(g);
  return {engine(),
          dnnl::prop_kind::forward_training,
          algorithm_of(g),
          channels_last(g.x_shape()),
          channels_last(g.y_shape()),
          window.stride,
          window.kernel,
          window.dilation,
          window.before,
          window.after,
          attributes()};
}

}  // namespace

bool takes(const PoolGeometry& g) {
  if (g.x_shape().numel() == 0 || g.y_shape().numel() == 0) return false;
  if (g.batch > std::numeric_limits<std::int32_t>::max() ||
      g.channels > std::numeric_limits<std::int32_t>::max())
    return false;
  return !g.count_include_pad ||
         (used_after(g.height) <= g.height.after && used_after(g.width) <= g.width.after);
}

Plan& avg_pool2d_plan(const PoolGeometry& g) {
  return plan_for(key_of(PlanKind::average_pool, g), work_of(g), [&]() -> PlanRecipe {
    const auto desc = forward_desc(g);
    return {desc, {{DNNL_ARG_SRC, desc.src_desc()}, {DNNL_ARG_DST, desc.dst_desc()}}};
  });
}

Plan& avg_pool2d_gradient_plan(const PoolGeometry& g) {
  return plan_for(key_of(PlanKind::average_pool_gradient, g), work_of(g), [&]() -> PlanRecipe {
    const Window window(g);
    const dnnl::pooling_backward::primitive_desc desc(
        engine(), algorithm_of(g), channels_last(g.x_shape()), channels_last(g.y_shape()),
        window.stride, window.kernel, window.dilation, window.before, window.after, forward_desc(g),
        attributes());
    return {desc,
            {{DNNL_ARG_DIFF_DST, desc.diff_dst_desc()}, {DNNL_ARG_DIFF_SRC, desc.diff_src_desc()}}};
  });
}

}  // namespace tenon::kernels::onednn
