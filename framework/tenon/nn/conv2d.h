#pragma once

#include "tenon/nn/module.h"
#include "tenon/ops/activation.h"
#include "tenon/ops/size2.h"

namespace tenon::nn {

/// tenon::Conv2dOptions and whether there is a bias.
struct Conv2dOptions {
  Size2 stride = 1;
  Padding2 padding = 0;
  Size2 dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  Activation activation = Activation::none;
};

/// y = activation(conv2d(x, w) + b).   x [N, in_channels, H, W], y [N, out_channels, H_out, W_out]
/// Parameters: weight [out_channels, in_channels / groups, K_h, K_w], Glorot-uniform; bias
/// [out_channels], zero.
class Conv2d : public Module {
 public:
  Conv2d(std::int64_t in_channels, std::int64_t out_channels, Size2 kernel, Rng& rng,
         const Conv2dOptions& options = {}, Where where = Where::current());

  Tensor forward(const Tensor& x) override;
  std::int64_t multiply_adds(const Shape& x, const Shape& y) const override;
  std::string details() const override;
  Tensor weight() const { return *weight_; }
  /// Undefined without one.
  Tensor bias() const { return bias_ ? *bias_ : Tensor(); }

 private:
  Conv2dOptions options_;
  Tensor* weight_;
  Tensor* bias_ = nullptr;
};

}  // namespace tenon::nn
