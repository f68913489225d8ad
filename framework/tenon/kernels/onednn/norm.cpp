#include "tenon/kernels/onednn/norm.h"

#include <cstring>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/onednn/plan.h"

namespace tenon::kernels::onednn {
namespace {

dnnl::normalization_flags scale_and_shift() {
  return dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
}

/// Measured with 64 and 512 channels on Zen 5, one thread.
constexpr double kNanosecondsPerElement = 0.4;

Work work_of_norm(const Tensor& x) {
  return work_of(static_cast<double>(x.numel()) * kNanosecondsPerElement);
}

/// The values in one dense row; `otherwise` for an undefined tensor.
Tensor as_vector(const Tensor& x, std::int64_t size, double otherwise) {
  if (!x.defined()) {
    Tensor filled = make_tensor({size}, Dtype::f32);
    fill(filled, otherwise);
    return filled;
  }
  const Tensor dense = x.is_contiguous() ? x : copy_to_strides(x, contiguous_strides(x.shape()));
  return make_view(dense, {size}, {1}, dense.impl()->offset);
}

Tensor as_vector(const Tensor& x) { return as_vector(x, x.numel(), 0); }

/// Dense memory [pixels][channels] as one channels-last image.
Tensor as_pixels(const Tensor& x, std::int64_t channels) {
  return make_view(x, {1, channels, x.numel() / channels, 1}, {x.numel(), 1, channels, channels},
                   x.impl()->offset);
}
/// Dense memory [rows][columns] as a matrix.
Tensor as_matrix(const Tensor& x, std::int64_t columns) {
  return make_view(x, {x.numel() / columns, columns}, {columns, 1}, x.impl()->offset);
}

Tensor like(const Tensor& x) { return make_tensor(x.shape(), x.strides(), x.dtype()); }

bool is_vectorized(const Plan& plan) { return plan && std::strstr(plan.implementation(), "jit"); }

class Scope : public KernelScope {
 public:
  Scope(const NormCall& call, const Plan& plan)
      : KernelScope(call.operation, "onednn", plan.implementation()) {
    for (int i = 0; i < call.reorders; ++i) count_reorder();
  }
};

PlanArgument argument(int index, const dnnl::memory::desc& desc) { return {index, desc, desc}; }

dnnl::batch_normalization_forward::primitive_desc batch_norm_desc(const dnnl::memory::desc& x,
                                                                  double epsilon, bool inference) {
  auto flags = scale_and_shift();
  if (inference) flags |= dnnl::normalization_flags::use_global_stats;
  const auto kind =
      inference ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  return {engine(), kind, x, x, static_cast<float>(epsilon), flags, attributes()};
}

Plan& batch_norm_plan(const Tensor& pixels, const Tensor& channel, double epsilon, bool inference) {
  PlanKey key(PlanKind::batch_norm);
  key.add(pixels).add(epsilon).add(static_cast<std::int64_t>(inference));
  return plan_for(key, work_of_norm(pixels), [&]() -> PlanRecipe {
    const dnnl::memory::desc x = channels_last(pixels.shape()), c = desc_of(channel);
    return {
        batch_norm_desc(x, epsilon, inference),
        {argument(DNNL_ARG_SRC, x), argument(DNNL_ARG_DST, x), argument(DNNL_ARG_MEAN, c),
         argument(DNNL_ARG_VARIANCE, c), argument(DNNL_ARG_SCALE, c), argument(DNNL_ARG_SHIFT, c)}};
  });
}

dnnl::layer_normalization_forward::primitive_desc layer_norm_desc(
    const dnnl::memory::desc& x, const dnnl::memory::desc& statistics, double epsilon) {
  return {engine(),
          dnnl::prop_kind::forward_training,
          x,
          x,
          statistics,
          static_cast<float>(epsilon),
          scale_and_shift(),
          attributes()};
}

}  // namespace

bool batch_norm(const NormCall& call, const Tensor& x, std::int64_t channels, const Tensor& w,
                const Tensor& b, Normalized& result) {
  const Tensor pixels = as_pixels(x, channels), scale = as_vector(w, channels, 1),
               shift = as_vector(b, channels, 0);
  Plan& plan = batch_norm_plan(pixels, scale, call.epsilon, false);
  if (!is_vectorized(plan)) return false;
  const Scope scope(call, plan);
  result = {like(x), make_tensor({channels}, x.dtype()), make_tensor({channels}, x.dtype())};
  plan.execute({&pixels, &result.y, &result.mean, &result.variance, &scale, &shift});
  return true;
}

bool batch_norm_inference(const NormCall& call, const Tensor& x, std::int64_t channels,
                          const Tensor& mean, const Tensor& variance, const Tensor& w,
                          const Tensor& b, Tensor& y) {
  const Tensor pixels = as_pixels(x, channels), scale = as_vector(w, channels, 1),
               shift = as_vector(b, channels, 0);
  Plan& plan = batch_norm_plan(pixels, scale, call.epsilon, true);
  if (!is_vectorized(plan)) return false;
  const Scope scope(call, plan);
  const Tensor means = as_vector(mean), variances = as_vector(variance);
  y = like(x);
  plan.execute({&pixels, &y, &means, &variances, &scale, &shift});
  return true;
}

bool batch_norm_gradient(const NormCall& call, const Tensor& dy, const Tensor& x,
                         std::int64_t channels, const Tensor& mean, const Tensor& variance,
                         const Tensor& w, NormGradients& gradients) {
  const Tensor pixels = as_pixels(x, channels), scale = as_vector(w, channels, 1);
  PlanKey key(PlanKind::batch_norm_gradient);
  key.add(pixels).add(call.epsilon);
  Plan& plan = plan_for(key, work_of_norm(pixels), [&]() -> PlanRecipe {
    const dnnl::memory::desc d = channels_last(pixels.shape()), c = desc_of(scale);
    return {dnnl::batch_normalization_backward::primitive_desc(
                engine(), dnnl::prop_kind::backward, d, d, d, static_cast<float>(call.epsilon),
                scale_and_shift(), batch_norm_desc(d, call.epsilon, false), attributes()),
            {argument(DNNL_ARG_SRC, d), argument(DNNL_ARG_DIFF_DST, d), argument(DNNL_ARG_MEAN, c),
             argument(DNNL_ARG_VARIANCE, c), argument(DNNL_ARG_SCALE, c),
             argument(DNNL_ARG_DIFF_SRC, d), argument(DNNL_ARG_DIFF_SCALE, c),
             argument(DNNL_ARG_DIFF_SHIFT, c)}};
  });
  if (!is_vectorized(plan)) return false;
  const Scope scope(call, plan);
  const Tensor means = as_vector(mean), variances = as_vector(variance);
  gradients = {like(x), make_tensor({channels}, x.dtype()), make_tensor({channels}, x.dtype())};
  plan.execute(
      {&pixels, &dy, &means, &variances, &scale, &gradients.dx, &gradients.dw, &gradients.db});
  return true;
}

bool layer_norm(const NormCall& call, const Tensor& x, const Shape& groups, const Tensor& w,
                const Tensor& b, Normalized& result) {
  const std::int64_t columns = x.numel() / groups.numel();
  const Tensor matrix = as_matrix(x, columns), scale = as_vector(w, columns, 1),
               shift = as_vector(b, columns, 0);
  PlanKey key(PlanKind::layer_norm);
  key.add(matrix).add(call.epsilon);
  Plan& plan = plan_for(key, work_of_norm(x), [&]() -> PlanRecipe {
    const dnnl::memory::desc d = desc_of(matrix), p = desc_of(scale),
                             s = desc_of({groups.numel()}, {1});
    return {
        layer_norm_desc(d, s, call.epsilon),
        {argument(DNNL_ARG_SRC, d), argument(DNNL_ARG_DST, d), argument(DNNL_ARG_MEAN, s),
         argument(DNNL_ARG_VARIANCE, s), argument(DNNL_ARG_SCALE, p), argument(DNNL_ARG_SHIFT, p)}};
  });
  if (!is_vectorized(plan)) return false;
  const Scope scope(call, plan);
  result = {like(x), make_tensor(groups, x.dtype()), make_tensor(groups, x.dtype())};
  plan.execute({&matrix, &result.y, &result.mean, &result.variance, &scale, &shift});
  return true;
}

bool layer_norm_gradient(const NormCall& call, const Tensor& dy, const Tensor& x,
                         const Shape& positions, const Tensor& mean, const Tensor& variance,
                         const Tensor& w, NormGradients& gradients) {
  const std::int64_t columns = positions.numel();
  const Tensor matrix = as_matrix(x, columns), scale = as_vector(w, columns, 1);
  const Tensor means = as_vector(mean), variances = as_vector(variance);
  PlanKey key(PlanKind::layer_norm_gradient);
  key.add(matrix).add(call.epsilon);
  Plan& plan = plan_for(key, work_of_norm(x), [&]() -> PlanRecipe {
    const dnnl::memory::desc d = desc_of(matrix), p = desc_of(scale), s = desc_of(means);
    return {dnnl::layer_normalization_backward::primitive_desc(
                engine(), dnnl::prop_kind::backward, d, d, d, s, static_cast<float>(call.epsilon),
                scale_and_shift(), layer_norm_desc(d, s, call.epsilon), attributes()),
            // 3.2 insists on the shift too, but does not read it.
            {argument(DNNL_ARG_SRC, d), argument(DNNL_ARG_DIFF_DST, d), argument(DNNL_ARG_MEAN, s),
             argument(DNNL_ARG_VARIANCE, s), argument(DNNL_ARG_SCALE, p),
             argument(DNNL_ARG_SHIFT, p), argument(DNNL_ARG_DIFF_SRC, d),
             argument(DNNL_ARG_DIFF_SCALE, p), argument(DNNL_ARG_DIFF_SHIFT, p)}};
  });
  if (!is_vectorized(plan)) return false;
  const Scope scope(call, plan);
  gradients = {like(x), make_tensor(positions, x.dtype()), make_tensor(positions, x.dtype())};
  plan.execute({&matrix, &dy, &means, &variances, &scale, &scale, &gradients.dx, &gradients.dw,
                &gradients.db});
  return true;
}

}  // namespace tenon::kernels::onednn
