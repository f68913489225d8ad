#include "tenon/nn/conv2d.h"

#include <fmt/format.h>

#include "tenon/nn/init.h"
#include "tenon/nn/layer_internal.h"
#include "tenon/ops/conv2d.h"

namespace tenon::nn {

Conv2d::Conv2d(std::int64_t in_channels, std::int64_t out_channels, Size2 kernel, Rng& rng,
               const Conv2dOptions& options, Where where)
    : options_(options) {
  where = detail::construction_site(where);
  check_at_least("Conv2d", "in_channels", in_channels, 1, where);
  check_at_least("Conv2d", "out_channels", out_channels, 1, where);
  check_at_least("Conv2d", "kernel", kernel, 1, where);
  check_at_least("Conv2d", "stride", options.stride, 1, where);
  check_at_least("Conv2d", "padding", Size2(options.padding.height, options.padding.width), 0,
                 where);
  check_at_least("Conv2d", "dilation", options.dilation, 1, where);
  check_groups("Conv2d", in_channels, out_channels, options.groups, where);
  const Shape shape = {out_channels, in_channels / options.groups, kernel.height, kernel.width};
  weight_ = &register_parameter({"weight", where}, Tensor::empty(shape, {}, where));
  init::glorot_uniform(*weight_, rng, {}, where);
  if (options.bias)
    bias_ = &register_parameter({"bias", where}, Tensor::zeros({out_channels}, {}, where));
}

Tensor Conv2d::forward(const Tensor& x) {
  return conv2d(x, *weight_, bias(),
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups,
                 .activation = options_.activation},
                call_site());
}

std::int64_t Conv2d::multiply_adds(const Shape&, const Shape& y) const {
  return y.numel() * (weight_->numel() / weight_->size(0));
}

std::string Conv2d::details() const {
  const Size2 stride = options_.stride;
  std::string text = to_string(Size2(weight_->size(2), weight_->size(3)));
  if (stride.height > 1 || stride.width > 1) text += ", stride " + to_string(stride);
  if (options_.activation != Activation::none)
    text += fmt::format(", {}", to_string(options_.activation));
  return text;
}

}  // namespace tenon::nn
