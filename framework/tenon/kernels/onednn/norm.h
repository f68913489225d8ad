#pragma once

#include "tenon/kernels/norm.h"

namespace tenon::kernels::onednn {

/// Normalisation by oneDNN, f32, x and dy dense. Each returns false, and has written nothing, where
/// oneDNN has no vector code. w and b may be undefined; `reorders` counts operands that were copied
/// before.
struct NormCall {
  const char* operation;
  double epsilon;
  int reorders;
};

/// Whether batch normalisation has vector code for so many channels, innermost in memory.
constexpr bool takes_channels(std::int64_t channels) { return channels > 0 && channels % 16 == 0; }

/// x [rows, C] with C innermost, in x's own shape; fills y, mean and variance [C].
bool batch_norm(const NormCall& call, const Tensor& x, std::int64_t channels, const Tensor& w,
                const Tensor& b, Normalized& result);
/// By the given mean and variance.
bool batch_norm_inference(const NormCall& call, const Tensor& x, std::int64_t channels,
                          const Tensor& mean, const Tensor& variance, const Tensor& w,
                          const Tensor& b, Tensor& y);
bool batch_norm_gradient(const NormCall& call, const Tensor& dy, const Tensor& x,
                         std::int64_t channels, const Tensor& mean, const Tensor& variance,
                         const Tensor& w, NormGradients& gradients);

/// x [groups, positions], rows; mean and variance have the shape `groups`, w and b `positions`.
bool layer_norm(const NormCall& call, const Tensor& x, const Shape& groups, const Tensor& w,
                const Tensor& b, Normalized& result);
bool layer_norm_gradient(const NormCall& call, const Tensor& dy, const Tensor& x,
                         const Shape& positions, const Tensor& mean, const Tensor& variance,
                         const Tensor& w, NormGradients& gradients);

}  // namespace tenon::kernels::onednn
