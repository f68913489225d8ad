#include "benchmarks/support/layout.h"

namespace tenon::benchmarks {

const char* to_text(Layout layout) {
  switch (layout) {
    case Layout::rows: return "rows";
    case Layout::channels_last: return "channels-last";
    case Layout::batch_inner: return "batch-inner";
  }
  return "";
}

Tensor in_layout(const Tensor& image, Layout layout) {
  switch (layout) {
    case Layout::rows: break;
    case Layout::channels_last:
      return permute(permute(image, {0, 2, 3, 1}).contiguous(), {0, 3, 1, 2});
    case Layout::batch_inner:
      return permute(permute(image, {1, 2, 3, 0}).contiguous(), {3, 0, 1, 2});
  }
  return image.contiguous();
}

Tensor noise(const Shape& shape) {
  Rng rng(1);
  return Tensor::normal(shape, rng);
}

std::string kernels_used() {
  std::string text;
  for (const KernelUse& use : kernel_report()) {
    if (!text.empty()) text += "; ";
    text += use.operation + ": " + use.kernel;
    if (!use.implementation.empty()) text += " " + use.implementation;
    if (use.reorders > 0)
      text += ", " + std::to_string(use.reorders) + (use.reorders == 1 ? " reorder" : " reorders");
  }
  return text;
}

}  // namespace tenon::benchmarks
