#pragma once

#include "tenon/core/tensor.h"

namespace tenon {

// Element by element, any shape; the result is of x's shape and in its order. An undefined x is a
// ShapeError.

/// These keep the dtype. -x is a DtypeError for boolean; integers wrap.   dx = -dy
Tensor negate(const Tensor& x, Where where = Where::current());
/// |x|.   dx = dy sign(x)
Tensor abs(const Tensor& x, Where where = Where::current());
/// -1, 0 or 1; 0 for NaN.   dx = 0
Tensor sign(const Tensor& x, Where where = Where::current());
/// The greatest integer <= x.   dx = 0
Tensor floor(const Tensor& x, Where where = Where::current());
/// The nearest integer, of two the even one.   dx = 0
Tensor round(const Tensor& x, Where where = Where::current());
/// x x; of booleans i64.   dx = 2 dy x
Tensor square(const Tensor& x, Where where = Where::current());

/// The real functions: f32 or f64; integers and booleans are converted to f32.   dx = dy y
Tensor exp(const Tensor& x, Where where = Where::current());
/// The natural logarithm.   dx = dy / x
Tensor log(const Tensor& x, Where where = Where::current());
/// log(1 + x), also for small x.   dx = dy / (1 + x)
Tensor log1p(const Tensor& x, Where where = Where::current());
/// exp(x) - 1, also for small x.   dx = dy (y + 1)
Tensor expm1(const Tensor& x, Where where = Where::current());
/// dx = dy / (2 y)
Tensor sqrt(const Tensor& x, Where where = Where::current());
/// 1 / sqrt(x).   dx = -dy y^3 / 2
Tensor rsqrt(const Tensor& x, Where where = Where::current());
/// dx = dy cos(x)
Tensor sin(const Tensor& x, Where where = Where::current());
/// dx = -dy sin(x)
Tensor cos(const Tensor& x, Where where = Where::current());
/// The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.   dx = dy 2 /
/// sqrt(pi) exp(-x^2)
Tensor erf(const Tensor& x, Where where = Where::current());

/// Limits x to [low, high].
struct ClampOptions {
  double low = -__builtin_huge_val();
  double high = __builtin_huge_val();
};
/// min(max(x, low), high). Integers stay integers if the bounds are whole, else they become f32;
/// NaN in x stays. ShapeError for a bound that is NaN.   dx = dy where low < x < high, else 0
Tensor clamp(const Tensor& x, ClampOptions options, Where where = Where::current());

}  // namespace tenon
