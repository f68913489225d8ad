#include "tenon/kernels/sort.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/kernels/reference/sort.h"

namespace tenon::kernels {

Sorted sort(const Tensor& x, std::size_t axis, std::int64_t k, bool descending) {
  const KernelScope scope("sort", "reference");
  return reference::sort(x, axis, k, descending);
}

}  // namespace tenon::kernels
