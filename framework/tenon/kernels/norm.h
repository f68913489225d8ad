#pragma once

#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// Normalisation y = (x - mean) / sqrt(variance + epsilon) * w + b, f32 and f64, any strides; y and
/// dx have x's order. w and b may be undefined (1 and 0). The variance is the biased one.
struct Normalized {
  Tensor y;
  Tensor mean;
  Tensor variance;
};
struct NormGradients {
  Tensor dx, dw, db;
};
/// Which gradients are wanted; the others stay undefined.
struct NormNeeds {
  bool dx = true;
  bool dw = true;
  bool db = true;
};

/// One mean and variance a channel.   x [N, C, ...], w b [C] -> y, mean [C], variance [C]
Normalized batch_norm(const Tensor& x, const Tensor& w, const Tensor& b, double epsilon);
/// By given statistics [C].
Tensor batch_norm_inference(const Tensor& x, const Tensor& mean, const Tensor& variance,
                            const Tensor& w, const Tensor& b, double epsilon);
NormGradients batch_norm_gradient(const Tensor& dy, const Tensor& x, const Tensor& mean,
                                  const Tensor& variance, const Tensor& w, double epsilon,
                                  NormNeeds needs);

/// One mean and variance an index of the leading axes, over the last `axes`.
///   x [leading..., normalised...], w b [normalised...] -> y, mean [leading...], variance
///   [leading...]
Normalized layer_norm(const Tensor& x, std::size_t axes, const Tensor& w, const Tensor& b,
                      double epsilon);
NormGradients layer_norm_gradient(const Tensor& dy, const Tensor& x, std::size_t axes,
                                  const Tensor& mean, const Tensor& variance, const Tensor& w,
                                  double epsilon, NormNeeds needs);

}  // namespace tenon::kernels
