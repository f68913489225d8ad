#include "tenon/kernels/softmax.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/kernels/reference/softmax.h"

namespace tenon::kernels {

Tensor softmax(const Tensor& x, std::size_t axis) {
  const KernelScope scope("softmax", "reference");
  return reference::softmax(x, axis);
}

Tensor softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis) {
  const KernelScope scope("softmax_gradient", "reference");
  return reference::softmax_gradient(dy, y, axis);
}

Tensor log_softmax(const Tensor& x, std::size_t axis) {
  const KernelScope scope("log_softmax", "reference");
  return reference::log_softmax(x, axis);
}

Tensor log_softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis) {
  const KernelScope scope("log_softmax_gradient", "reference");
  return reference::log_softmax_gradient(dy, y, axis);
}

}  // namespace tenon::kernels
