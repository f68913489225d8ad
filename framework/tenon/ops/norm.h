#pragma once

#include "tenon/core/tensor.h"

namespace tenon {

struct NormOptions {
  double epsilon = 1e-5;  ///< added to the variance
};
struct BatchNormResult {
  Tensor y;
  Tensor mean;      ///< [C], without history
  Tensor variance;  ///< [C], biased, without history
};
/// Normalises each channel by the statistics of the batch (Ioffe and Szegedy 2015, algorithm 1):
///   y = n w + b,  n = (x - mean) / sqrt(variance + epsilon),  mean and biased variance over all
///   axes but C.
/// x [N, C] or [N, C, ...], w b [C] or none (1 and 0); one of f32 and f64, any strides; y has x's
/// order. With m values a channel and r = 1 / sqrt(variance + epsilon):
///   dx = r w (dy - (sum(dy) + n sum(dy n)) / m),  dw = sum(dy n),  db = sum(dy).
/// Throws ShapeError for other ranks or channels, and for fewer than 2 values a channel;
/// DtypeError; DataError for an epsilon below 0.
BatchNormResult batch_norm(const Tensor& x, const Tensor& w = {}, const Tensor& b = {},
                           NormOptions options = {}, Where where = Where::current());
/// The same by given statistics [C] (of training). Differentiable in all five: dx = dy w r, dmean =
/// -sum(dx), dvariance = -sum(dx (x - mean)) r^2 / 2, dw = sum(dy n), db = sum(dy).
Tensor batch_norm_inference(const Tensor& x, const Tensor& mean, const Tensor& variance,
                            const Tensor& w = {}, const Tensor& b = {}, NormOptions options = {},
                            Where where = Where::current());
/// Normalises over the last axes, those of `shape` (Ba, Kiros and Hinton 2016): y = n w + b, with n
/// as above and the statistics of each index of the leading axes. x [..., shape], w b [shape] or
/// none (1 and 0); one of f32 and f64, any strides; y has x's order.
///   dx = r (w dy - (sum(w dy) + n sum(w dy n)) / m),  dw = sum(dy n),  db = sum(dy) over the
///   leading axes.
/// Throws ShapeError when x does not end in `shape` or w or b do not have it; DtypeError; DataError
/// for an epsilon below 0.
Tensor layer_norm(const Tensor& x, const Shape& shape, const Tensor& w = {}, const Tensor& b = {},
                  NormOptions options = {}, Where where = Where::current());

}  // namespace tenon
