#pragma once

#include "tenon/kernels/loss.h"

namespace tenon::kernels::reference {

/// See kernels/loss.h.
std::int64_t first_bad_label(const Tensor& labels, std::int64_t classes, std::int64_t ignore_index);
double counted_weight(const ClassTargets& targets);
CrossEntropy cross_entropy(const Tensor& logits, const ClassTargets& targets, std::size_t axis,
                           bool want_losses, bool want_probabilities);
Tensor cross_entropy_gradient(const Tensor& scale, const Tensor& probabilities,
                              const ClassTargets& targets, std::size_t axis);
Tensor target_mass(const ClassTargets& targets, std::int64_t classes, Dtype dtype);
Tensor nll(const Tensor& x, const ClassTargets& targets, std::size_t axis);
Tensor nll_gradient(const Tensor& scale, const ClassTargets& targets, std::int64_t classes,
                    std::size_t axis);

}  // namespace tenon::kernels::reference
