#include "tenon/nn/pool2d.h"

#include <fmt/format.h>

#include "tenon/nn/layer_internal.h"

namespace tenon::nn {
namespace {

void check_pool(const char* layer, Size2 kernel, const Pool2dOptions& options, Where where) {
  check_at_least(layer, "kernel", kernel, 1, where);
  check_at_least(layer, "stride", options.stride, 0, where);
  check_at_least(layer, "padding", options.padding, 0, where);
  if (2 * options.padding.height > kernel.height || 2 * options.padding.width > kernel.width)
    Fault(layer, where)
        .raise<ShapeError>(fmt::format("padding {} x {} is more than half of the kernel {} x {}",
                                       options.padding.height, options.padding.width, kernel.height,
                                       kernel.width));
}

}  // namespace

AvgPool2d::AvgPool2d(Size2 kernel, const Pool2dOptions& options, Where where)
    : kernel_(kernel), options_(options) {
  check_pool("AvgPool2d", kernel, options, detail::construction_site(where));
}

Tensor AvgPool2d::forward(const Tensor& x) { return avg_pool2d(x, kernel_, options_, call_site()); }

std::string AvgPool2d::details() const { return to_string(kernel_); }

MaxPool2d::MaxPool2d(Size2 kernel, const Pool2dOptions& options, Where where)
    : kernel_(kernel), options_(options) {
  check_pool("MaxPool2d", kernel, options, detail::construction_site(where));
}

Tensor MaxPool2d::forward(const Tensor& x) { return max_pool2d(x, kernel_, options_, call_site()); }

std::string MaxPool2d::details() const { return to_string(kernel_); }

}  // namespace tenon::nn
