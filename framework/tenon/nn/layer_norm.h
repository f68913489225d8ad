#pragma once

#include "tenon/nn/module.h"

namespace tenon::nn {

struct LayerNormOptions {
  double epsilon = 1e-5;
  bool affine = true;  ///< whether there are a weight and a bias
};

/// y = (x - mean) / sqrt(variance + epsilon) * w + b over the last axes of x, those of `shape`,
/// each sample by itself. Ba, Kiros and Hinton 2016.   x, y [..., shape] Parameters: weight
/// [shape], ones; bias [shape], zero.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const Shape& shape, const LayerNormOptions& options = {},
                     Where where = Where::current());
  /// Over the last axis.
  explicit LayerNorm(std::int64_t features, const LayerNormOptions& options = {},
                     Where where = Where::current())
      : LayerNorm(Shape({features}), options, where) {}

  Tensor forward(const Tensor& x) override;
  /// Undefined without them.
  Tensor weight() const { return weight_ ? *weight_ : Tensor(); }
  Tensor bias() const { return bias_ ? *bias_ : Tensor(); }

 private:
  Shape shape_;
  double epsilon_;
  Tensor* weight_ = nullptr;
  Tensor* bias_ = nullptr;
};

}  // namespace tenon::nn
