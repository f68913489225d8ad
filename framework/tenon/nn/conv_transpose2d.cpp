#include "tenon/nn/conv_transpose2d.h"

#include "tenon/nn/init.h"
#include "tenon/nn/layer_internal.h"
#include "tenon/ops/conv2d.h"

namespace tenon::nn {

ConvTranspose2d::ConvTranspose2d(std::int64_t in_channels, std::int64_t out_channels, Size2 kernel,
                                 Rng& rng, const ConvTranspose2dOptions& options, Where where)
    : options_(options) {
  where = detail::construction_site(where);
  check_at_least("ConvTranspose2d", "in_channels", in_channels, 1, where);
  check_at_least("ConvTranspose2d", "out_channels", out_channels, 1, where);
  check_at_least("ConvTranspose2d", "kernel", kernel, 1, where);
  check_at_least("ConvTranspose2d", "stride", options.stride, 1, where);
  check_at_least("ConvTranspose2d", "padding", options.padding, 0, where);
  check_at_least("ConvTranspose2d", "output_padding", options.output_padding, 0, where);
  check_at_least("ConvTranspose2d", "dilation", options.dilation, 1, where);
  check_groups("ConvTranspose2d", in_channels, out_channels, options.groups, where);
  const Shape shape = {in_channels, out_channels / options.groups, kernel.height, kernel.width};
  weight_ = &register_parameter({"weight", where}, Tensor::empty(shape, {}, where));
  init::glorot_uniform(*weight_, rng, {}, where);
  if (options.bias)
    bias_ = &register_parameter({"bias", where}, Tensor::zeros({out_channels}, {}, where));
}

Tensor ConvTranspose2d::forward(const Tensor& x) {
  return conv_transpose2d(x, *weight_, bias(),
                          {.stride = options_.stride,
                           .padding = options_.padding,
                           .output_padding = options_.output_padding,
                           .dilation = options_.dilation,
                           .groups = options_.groups},
                          call_site());
}

std::int64_t ConvTranspose2d::multiply_adds(const Shape& x, const Shape&) const {
  return x.numel() * (weight_->numel() / weight_->size(0));
}

}  // namespace tenon::nn
