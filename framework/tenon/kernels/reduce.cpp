#include "tenon/kernels/reduce.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/kernels/reference/reduce.h"

namespace tenon::kernels {

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("sum", "reference");
  return reference::sum(x, axes, keepdim);
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("mean", "reference");
  return reference::mean(x, axes, keepdim);
}

Tensor prod(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("prod", "reference");
  return reference::prod(x, axes, keepdim);
}

Tensor max(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("max", "reference");
  return reference::max(x, axes, keepdim);
}

Tensor min(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("min", "reference");
  return reference::min(x, axes, keepdim);
}

Tensor any(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("any", "reference");
  return reference::any(x, axes, keepdim);
}

Tensor all(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("all", "reference");
  return reference::all(x, axes, keepdim);
}

Tensor variance(const Tensor& x, const Axes& axes, bool keepdim, std::int64_t correction,
                bool root) {
  const KernelScope scope(root ? "stddev" : "var", "reference");
  return reference::variance(x, axes, keepdim, correction, root);
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("logsumexp", "reference");
  return reference::logsumexp(x, axes, keepdim);
}

Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdim) {
  const KernelScope scope("argmax", "reference");
  return reference::argmax(x, axis, keepdim);
}

Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdim) {
  const KernelScope scope("argmin", "reference");
  return reference::argmin(x, axis, keepdim);
}

Tensor cumsum(const Tensor& x, std::int64_t axis) {
  const KernelScope scope("cumsum", "reference");
  return reference::cumsum(x, axis);
}

}  // namespace tenon::kernels
