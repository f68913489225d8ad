#include "tenon/kernels/simd/cross_entropy.h"

#include <vector>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/kernels/loss.h"
#include "tenon/kernels/reference/loss.h"
#include "tenon/kernels/softmax_lines_internal.h"

namespace tenon::kernels {
namespace {

constexpr double kForwardNanoseconds = 0.7;  // an element, with its exponential
constexpr double kGradientNanoseconds = 0.2;

bool is_simd(const Tensor& x) { return x.dtype() == Dtype::f32 && x.numel() > 0; }

Tensor in_strides(const Tensor& x, const Strides& strides) {
  return has_strides(x, strides) ? x : copy_to_strides(x, strides);
}

/// The targets of dense x in the order of its lines; `labels` and `weight` keep the memory alive.
struct OrderedTargets {
  Strides strides;  ///< of one number a sample
  Tensor labels;
  Tensor weight;
  simd::ClassLines lines;

  OrderedTargets(const Tensor& x, const ClassTargets& targets, std::size_t axis)
      : strides(line_strides(x, axis)), labels(in_strides(targets.labels, strides)) {
    if (targets.weight.defined()) weight = in_strides(targets.weight, {1});
    const DenseLines dense = dense_lines(x, axis);
    lines = {dense.outer,
             dense.count,
             dense.inner,
             elements<std::int64_t>(labels),
             weight.defined() ? elements<float>(weight) : nullptr,
             targets.ignore_index,
             static_cast<float>(targets.label_smoothing)};
    if (lines.smoothing == 0) return;
    double all_weights = 0;
    for (std::int64_t c = 0; c < lines.classes; ++c)
      all_weights += lines.weight ? static_cast<double>(lines.weight[c]) : 1.0;
    lines.all_weights = static_cast<float>(all_weights);
  }
};

CrossEntropy simd_cross_entropy(const Tensor& x, const ClassTargets& targets, std::size_t axis,
                                bool want_losses, bool want_probabilities) {
  const OrderedTargets ordered(x, targets, axis);
  const DenseLines dense = dense_lines(x, axis);
  CrossEntropy result;
  float* losses = nullptr;
  float* probabilities = nullptr;
  if (want_losses) {
    result.losses = make_tensor(targets.labels.shape(), ordered.strides, Dtype::f32);
    losses = fresh_elements<float>(result.losses);
  }
  if (want_probabilities) {
    result.probabilities = make_tensor(x.shape(), x.strides(), Dtype::f32);
    probabilities = fresh_elements<float>(result.probabilities);
  }
  const std::int64_t samples = dense.lines(), grain = dense.grain(kForwardNanoseconds);
  const auto block = [&](std::int64_t begin, std::int64_t end) {
    return simd::cross_entropy(ordered.lines, elements<float>(x), begin, end, losses,
                               probabilities);
  };
  if (samples <= grain) {
    result.total = block(0, samples);
    return result;
  }
  std::vector<double> totals(static_cast<std::size_t>((samples + grain - 1) / grain));
  parallel_for(samples, grain, [&](std::int64_t begin, std::int64_t end) {
    totals[static_cast<std::size_t>(begin / grain)] = block(begin, end);
  });
  for (const double total : totals) result.total += total;
  return result;
}

}  // namespace

CrossEntropy cross_entropy(const Tensor& logits, const ClassTargets& targets, std::size_t axis,
                           bool want_losses, bool want_probabilities) {
  constexpr const char* kName = "cross_entropy";
  if (!is_simd(logits)) {
    const KernelScope scope(kName, "reference");
    return reference::cross_entropy(logits, targets, axis, want_losses, want_probabilities);
  }
  KernelScope scope(kName, "simd");
  if (is_dense(logits))
    return simd_cross_entropy(logits, targets, axis, want_losses, want_probabilities);
  scope.count_reorder();
  return simd_cross_entropy(copy_to_strides(logits, contiguous_strides(logits.shape())), targets,
                            axis, want_losses, want_probabilities);
}

Tensor cross_entropy_gradient(const Tensor& scale, const Tensor& probabilities,
                              const ClassTargets& targets, std::size_t axis, double factor) {
  constexpr const char* kName = "cross_entropy_gradient";
  const Tensor& p = probabilities;
  if (!is_simd(p) || !is_dense(p)) {
    const Tensor scaled = factor == 1 ? scale : multiply(scale, factor);
    const Shape& samples = targets.labels.shape();
    const Tensor each =
        scaled.shape() == samples
            ? scaled
            : make_view(scaled, samples, Strides::filled(samples.rank(), 0), scaled.impl()->offset);
    const KernelScope scope(kName, "reference");
    return reference::cross_entropy_gradient(each, p, targets, axis);
  }
  const KernelScope scope(kName, "simd");
  const OrderedTargets ordered(p, targets, axis);
  const DenseLines dense = dense_lines(p, axis);
  bool one_scale = true;
  for (std::size_t i = 0; i < scale.shape().rank(); ++i)
    one_scale = one_scale && (scale.shape()[i] == 1 || scale.strides()[i] == 0);
  Tensor scales = one_scale ? scale : in_strides(scale, ordered.strides);
  const auto one = static_cast<float>(static_cast<double>(*elements<float>(scale)) * factor);
  if (!one_scale && factor != 1) scales = multiply(scales, factor);
  Tensor dx = make_tensor(p.shape(), p.strides(), Dtype::f32);
  parallel_for(dense.lines(), dense.grain(kGradientNanoseconds),
               [&](std::int64_t begin, std::int64_t end) {
                 simd::cross_entropy_gradient(ordered.lines, elements<float>(p), begin, end,
                                              one_scale ? &one : elements<float>(scales), one_scale,
                                              fresh_elements<float>(dx));
               });
  return dx;
}

}  // namespace tenon::kernels
