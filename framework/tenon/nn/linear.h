#pragma once

#include "tenon/nn/module.h"
#include "tenon/ops/activation.h"

namespace tenon::nn {

struct LinearOptions {
  bool bias = true;
  Activation activation = Activation::none;
};

/// y = activation(x w^T + b).   x [..., in_features], y [..., out_features]
/// Parameters: weight [out_features, in_features], Glorot-uniform; bias [out_features], zero.
class Linear : public Module {
 public:
  Linear(std::int64_t in_features, std::int64_t out_features, Rng& rng, LinearOptions options = {},
         Where where = Where::current());

  Tensor forward(const Tensor& x) override;
  std::int64_t multiply_adds(const Shape& x, const Shape& y) const override;
  std::string details() const override;
  Tensor weight() const { return *weight_; }
  /// Undefined without one.
  Tensor bias() const { return bias_ ? *bias_ : Tensor(); }

 private:
  Activation activation_;
  Tensor* weight_;
  Tensor* bias_ = nullptr;
};

}  // namespace tenon::nn
