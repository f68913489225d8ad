#pragma once

#include "tenon/nn/module.h"
#include "tenon/ops/size2.h"

namespace tenon::nn {

/// tenon::ConvTranspose2dOptions and whether there is a bias.
struct ConvTranspose2dOptions {
  Size2 stride = 1;
  Size2 padding = 0;
  Size2 output_padding = 0;
  Size2 dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};

/// The gradient of Conv2d for its input, as a layer that enlarges images.
/// x [N, in_channels, H, W], y [N, out_channels, H_out, W_out],
/// H_out = (H - 1) stride - 2 padding + dilation (K_h - 1) + output_padding + 1
/// Parameters: weight [in_channels, out_channels / groups, K_h, K_w], Glorot-uniform; bias
/// [out_channels], zero.
class ConvTranspose2d : public Module {
 public:
  ConvTranspose2d(std::int64_t in_channels, std::int64_t out_channels, Size2 kernel, Rng& rng,
                  const ConvTranspose2dOptions& options = {}, Where where = Where::current());

  Tensor forward(const Tensor& x) override;
  std::int64_t multiply_adds(const Shape& x, const Shape& y) const override;
  Tensor weight() const { return *weight_; }
  /// Undefined without one.
  Tensor bias() const { return bias_ ? *bias_ : Tensor(); }

 private:
  ConvTranspose2dOptions options_;
  Tensor* weight_;
  Tensor* bias_ = nullptr;
};

}  // namespace tenon::nn
