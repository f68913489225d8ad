#include "tenon/kernels/loss.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/kernels/reference/loss.h"

namespace tenon::kernels {

std::int64_t first_bad_label(const Tensor& labels, std::int64_t classes,
                             std::int64_t ignore_index) {
  return reference::first_bad_label(labels, classes, ignore_index);
}

double counted_weight(const ClassTargets& targets) { return reference::counted_weight(targets); }

Tensor target_mass(const ClassTargets& targets, std::int64_t classes, Dtype dtype) {
  return reference::target_mass(targets, classes, dtype);
}

Tensor nll(const Tensor& x, const ClassTargets& targets, std::size_t axis) {
  const KernelScope scope("nll_loss", "reference");
  return reference::nll(x, targets, axis);
}

Tensor nll_gradient(const Tensor& scale, const ClassTargets& targets, std::int64_t classes,
                    std::size_t axis) {
  const KernelScope scope("nll_loss_gradient", "reference");
  return reference::nll_gradient(scale, targets, classes, axis);
}

}  // namespace tenon::kernels
