#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

struct ReduceOptions {
  bool keepdim = false;  ///< leave the reduced axes in, with size 1
};
struct VarianceOptions {
  bool keepdim = false;
  std::int64_t correction =
      1;  ///< divides by max(0, count - correction): 1 unbiased (Bessel), 0 biased
};

/// Reductions over the given axes, or all of them. x: any shape and strides. f32 accumulates in
/// double. ShapeError for axes that x has not, or that are named twice.

/// y = sum of x.   Booleans and integers give i64; 0 over no elements.   dx = dy
Tensor sum(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
           Where where = Where::current());
/// y = sum of x / count.   Booleans and integers give f32; NaN over no elements.   dx = dy / count
Tensor mean(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
            Where where = Where::current());
/// The greatest (least) element; NaN if there is one. Any dtype. ShapeError over no elements.
/// dx = dy where x = y, in equal parts if there are several (PyTorch's amax).
Tensor max(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
           Where where = Where::current());
Tensor min(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
           Where where = Where::current());
/// y = product of x.   Booleans and integers give i64; 1 over no elements.   dx_i = dy * product of
/// the other x_j, without division: right with zeros, in all derivatives.
Tensor prod(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
            Where where = Where::current());
/// y = sum of (x - mean)^2 / max(0, count - correction), in two passes.   x: floating.   NaN where
/// that is 0 / 0. dx = dy * 2 (x - mean) / (count - correction)
Tensor var(const Tensor& x, const Axes& axes = {}, VarianceOptions options = {},
           Where where = Where::current());
/// The standard deviation, sqrt(var). Named so because std is C++'s namespace.   The gradient at y
/// = 0 is 0.
Tensor stddev(const Tensor& x, const Axes& axes = {}, VarianceOptions options = {},
              Where where = Where::current());
/// y = log(sum of exp(x)), without overflow.   x: floating.   -inf over no elements.   dx = dy *
/// exp(x - y)
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
                 Where where = Where::current());
/// Whether any (all) elements are not 0. Any dtype to boolean; no gradient.
Tensor any(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
           Where where = Where::current());
Tensor all(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {},
           Where where = Where::current());
/// The index of the first greatest (least) element along an axis, i64; the first NaN if there is
/// one. Any dtype. ShapeError for an axis of size 0. No gradient.
Tensor argmax(const Tensor& x, std::int64_t axis, ReduceOptions options = {},
              Where where = Where::current());
Tensor argmin(const Tensor& x, std::int64_t axis, ReduceOptions options = {},
              Where where = Where::current());
/// y_i = x_0 + ... + x_i along an axis, of x's shape.   Booleans and integers give i64.   dx_i =
/// dy_i + dy_i+1 + ...
Tensor cumsum(const Tensor& x, std::int64_t axis, Where where = Where::current());

/// Sums x over the axes in which it is larger than `shape`, the opposite of broadcasting: what
/// rules of broadcasting operations return. Returns x itself when the shapes are equal. x:
/// floating. ShapeError unless `shape` broadcasts to x's.   dx = dy, expanded
Tensor sum_to(const Tensor& x, const Shape& shape, Where where = Where::current());

}  // namespace tenon
