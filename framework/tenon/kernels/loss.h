#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// The classes that logits are compared with, checked by the operation.
struct ClassTargets {
  Tensor labels;  ///< i64, rows, of the logits' shape without the class axis
  Tensor weight;  ///< [C] of the logits' dtype, or none
  std::int64_t ignore_index;
  double label_smoothing = 0;
};

/// The row-major position of the first label that is neither in [0, classes) nor ignore_index, or
/// -1.
std::int64_t first_bad_label(const Tensor& labels, std::int64_t classes, std::int64_t ignore_index);
/// The sum of the weights of the labels that count: what a mean divides by.
double counted_weight(const ClassTargets& targets);

struct CrossEntropy {
  Tensor losses;         ///< f32 or f64, of the labels' shape; none unless wanted
  Tensor probabilities;  ///< softmax, in the logits' order; none unless wanted
  double total = 0;      ///< sum of the losses
};
/// losses = sum over c of q_c * (logsumexp(x) - x_c), with q_c = (1 - s) weight_c [c = label] + s /
/// C weight_c, s = label_smoothing; 0 for ignored labels. One pass over the logits; the class axis
/// is valid.
CrossEntropy cross_entropy(const Tensor& logits, const ClassTargets& targets, std::size_t axis,
                           bool want_losses, bool want_probabilities);
/// dx_c = factor * scale * ((sum of q) * p_c - q_c); scale: of the labels' shape, any strides, or a
/// single number.
Tensor cross_entropy_gradient(const Tensor& scale, const Tensor& probabilities,
                              const ClassTargets& targets, std::size_t axis, double factor = 1);
/// The sum of q of each label, of the logits' dtype.
Tensor target_mass(const ClassTargets& targets, std::int64_t classes, Dtype dtype);

/// losses = -weight_label x_label; 0 for ignored labels.
Tensor nll(const Tensor& x, const ClassTargets& targets, std::size_t axis);
/// dx_c = -weight_c scale [c = label]: [.., classes, ..].
Tensor nll_gradient(const Tensor& scale, const ClassTargets& targets, std::int64_t classes,
                    std::size_t axis);

}  // namespace tenon::kernels
