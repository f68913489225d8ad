#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// Reductions over the given axes (negative ones count from the end, none means all), any strides,
/// any dtype unless said otherwise. The axes must be valid and different. The output is dense, its
/// axes in the order of x's strides. f32 adds up at most 64 neighbouring terms as they are, such
/// sums in double. The blocks of the work depend on the sizes alone and are added in order.

/// Booleans and integers give i64.
Tensor sum(const Tensor& x, const Axes& axes, bool keepdim);
/// Booleans and integers give f32; NaN over no elements.
Tensor mean(const Tensor& x, const Axes& axes, bool keepdim);
/// Booleans and integers give i64.
Tensor prod(const Tensor& x, const Axes& axes, bool keepdim);
/// Of x's dtype; a NaN wins. The axes must not be empty.
Tensor max(const Tensor& x, const Axes& axes, bool keepdim);
Tensor min(const Tensor& x, const Axes& axes, bool keepdim);
/// Boolean; every number but 0 is true.
Tensor any(const Tensor& x, const Axes& axes, bool keepdim);
Tensor all(const Tensor& x, const Axes& axes, bool keepdim);
/// sum((x - mean(x))^2) / max(0, count - correction) in two passes, floating; of this the square
/// root if `root`.
Tensor variance(const Tensor& x, const Axes& axes, bool keepdim, std::int64_t correction,
                bool root);
/// log(sum(exp(x))), floating, without overflow.
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim);

/// The index of the first greatest (least) element, i64; a NaN wins. The axis must not be empty.
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdim);
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdim);
/// y[i] = x[0] + ... + x[i], in x's order; booleans and integers give i64.
Tensor cumsum(const Tensor& x, std::int64_t axis);

}  // namespace tenon::kernels
