#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon {

/// y = exp(x) / sum(exp(x)) along an axis, without overflow.   x: any shape with that axis,
/// floating. dx = y * (dy - sum(dy * y))
Tensor softmax(const Tensor& x, std::int64_t axis, Where where = Where::current());
/// dx of y = softmax(x), from y: one fused kernel, and an operation of its own, so that second
/// derivatives work.
Tensor softmax_gradient(const Tensor& dy, const Tensor& y, std::int64_t axis,
                        Where where = Where::current());

/// y = x - log(sum(exp(x))) along an axis, without overflow.   x: any shape with that axis,
/// floating. dx = dy - exp(y) * sum(dy)
Tensor log_softmax(const Tensor& x, std::int64_t axis, Where where = Where::current());
/// dx of y = log_softmax(x), from y.
Tensor log_softmax_gradient(const Tensor& dy, const Tensor& y, std::int64_t axis,
                            Where where = Where::current());

}  // namespace tenon
