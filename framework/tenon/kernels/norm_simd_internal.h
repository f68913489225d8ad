#pragma once

#include "tenon/kernels/norm.h"
#include "tenon/kernels/reference/norm.h"

namespace tenon::kernels {

// The f32 kernels of simd/, in blocks that depend on the sizes alone. x and dy are dense, of the
// same strides, and not empty; y and dx get them too. The shapes of mean, variance, w, b: norm.h.

/// Of [outer][channels][inner].
Normalized batch_norm_simd(const Tensor& x, const reference::Grouping& grouping, const Tensor& w,
                           const Tensor& b, double epsilon);
Tensor batch_norm_inference_simd(const Tensor& x, const reference::Grouping& grouping,
                                 const Tensor& mean, const Tensor& variance, const Tensor& w,
                                 const Tensor& b, double epsilon);
NormGradients batch_norm_gradient_simd(const Tensor& dy, const Tensor& x,
                                       const reference::Grouping& grouping, const Tensor& mean,
                                       const Tensor& variance, const Tensor& w, double epsilon,
                                       NormNeeds needs);

/// Of [1][layers][positions] or [positions][layers][1].
Normalized layer_norm_simd(const Tensor& x, const reference::Grouping& grouping,
                           const Shape& leading, const Tensor& w, const Tensor& b, double epsilon);
NormGradients layer_norm_gradient_simd(const Tensor& dy, const Tensor& x,
                                       const reference::Grouping& grouping, const Shape& normalized,
                                       const Tensor& mean, const Tensor& variance, const Tensor& w,
                                       double epsilon, NormNeeds needs);

}  // namespace tenon::kernels
