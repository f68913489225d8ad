#pragma once

#include <cstdint>
#include <type_traits>

#include "tenon/core/tensor.h"

namespace tenon {

/// An argument of an operator: a tensor or a number, with the caller's line. A number never raises
/// the dtype within its category: an f32 tensor times 2.0 or 2 stays f32, an i64 tensor times 2.0
/// is f32.
class Operand {
 public:
  Operand(const Tensor& tensor, Where where = Where::current()) : tensor_(tensor), where_(where) {}
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Operand(T value, Where where = Where::current())
      : value_(static_cast<double>(value)),
        integer_(whole(value)),
        dtype_(std::is_same_v<T, bool>       ? Dtype::boolean
               : std::is_floating_point_v<T> ? Dtype::f32
                                             : Dtype::i64),
        is_scalar_(true),
        where_(where) {}

  bool is_scalar() const { return is_scalar_; }
  const Tensor& tensor() const { return tensor_; }
  double value() const { return value_; }
  std::int64_t integer() const { return integer_; }
  Dtype scalar_dtype() const { return dtype_; }
  Where where() const { return where_; }

 private:
  template <class T>
  static constexpr std::int64_t whole(T value) {
    if constexpr (std::is_floating_point_v<T>)
      return value > T(-9e18) && value < T(9e18) ? static_cast<std::int64_t>(value) : 0;
    else
      return static_cast<std::int64_t>(value);
  }

  Tensor tensor_;
  double value_ = 0;
  std::int64_t integer_ = 0;
  Dtype dtype_ = Dtype::f32;
  bool is_scalar_ = false;
  Where where_;
};

// Element by element. The shapes broadcast together as NumPy's do: aligned at the last axis, each
// pair of sizes must be equal or have a 1 (ShapeError). The dtype is PyTorch's: the higher of both,
// a number never raising it within its category. An undefined tensor is a ShapeError. The result
// has the order of the first operand of its shape. Integers wrap. The gradients are summed to each
// operand's shape and converted to its dtype.

/// a + b; for booleans, or.   da = dy, db = dy
Tensor add(const Operand& a, const Operand& b);
/// a - b; DtypeError for booleans.   da = dy, db = -dy
Tensor subtract(const Operand& a, const Operand& b);
/// a b; for booleans, and.   da = dy b, db = dy a
Tensor multiply(const Operand& a, const Operand& b);
/// a / b; integer / integer is f32.   da = dy / b, db = -dy y / b
Tensor divide(const Operand& a, const Operand& b);
/// base^exponent. DtypeError for an integer tensor to the power of a negative integer; for tensors
/// of both the integer part of the quotient. Booleans are counted as i64.   dbase = dy exponent
/// base^(exponent - 1), 0 for exponent 0; dexponent = dy y log(base), 0 for base 0 and exponent >=
/// 0
Tensor power(const Operand& base, const Operand& exponent);
/// The greater (lesser); NaN if either is.   The gradient goes to the operand that was chosen, half
/// to each for a tie.
Tensor maximum(const Operand& a, const Operand& b);
Tensor minimum(const Operand& a, const Operand& b);

inline Tensor operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Tensor operator-(const Operand& a, const Operand& b) { return subtract(a, b); }
inline Tensor operator*(const Operand& a, const Operand& b) { return multiply(a, b); }
inline Tensor operator/(const Operand& a, const Operand& b) { return divide(a, b); }
/// -x, as negate(x).
Tensor operator-(const Operand& x);
/// These rebind: a = a + b.
inline Tensor& operator+=(Tensor& a, const Operand& b) { return a = add(Operand(a, b.where()), b); }
inline Tensor& operator-=(Tensor& a, const Operand& b) {
  return a = subtract(Operand(a, b.where()), b);
}
inline Tensor& operator*=(Tensor& a, const Operand& b) {
  return a = multiply(Operand(a, b.where()), b);
}
inline Tensor& operator/=(Tensor& a, const Operand& b) {
  return a = divide(Operand(a, b.where()), b);
}

/// Comparisons, in the common dtype: boolean, no gradient. Comparisons with NaN are false, but for
/// not_equal.
Tensor equal(const Operand& a, const Operand& b);
Tensor not_equal(const Operand& a, const Operand& b);
Tensor less(const Operand& a, const Operand& b);
Tensor less_equal(const Operand& a, const Operand& b);
Tensor greater(const Operand& a, const Operand& b);
Tensor greater_equal(const Operand& a, const Operand& b);
/// Any dtype; what is not 0 counts as true. Boolean, no gradient.
Tensor logical_and(const Operand& a, const Operand& b);
Tensor logical_or(const Operand& a, const Operand& b);
Tensor logical_not(const Tensor& x, Where where = Where::current());
/// Whether x is NaN: boolean; false for every integer.
Tensor isnan(const Tensor& x, Where where = Where::current());

/// condition ? a : b, broadcast together, of a's and b's common dtype. DtypeError unless condition
/// is boolean. da = dy where condition is true, db = dy where it is false
Tensor where(const Tensor& condition, const Operand& a, const Operand& b);

}  // namespace tenon
