#include <cmath>
#include <numbers>
#include <type_traits>

#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reference/elementwise.h"

namespace tenon::kernels::reference {
namespace {

/// The kernel that applies a lambda without captures.
template <class Y, class T, class F>
BinaryKernel kernel(F) {
  return [](const Run& run, const Parameters& p, const void* a, const void* b, void* y) {
    map_run(run, static_cast<Y*>(y), static_cast<const T*>(a), static_cast<const T*>(b),
            [&p](T left, T right) { return F{}(left, right, p); });
  };
}

template <class T>
BinaryKernel find_any(Binary operation) {
  using P = Parameters;
  switch (operation) {
    // A NaN in either operand is the result.
    case Binary::maximum:
      return kernel<T, T>([](T a, T b, const P&) { return a > b || a != a ? a : b; });
    case Binary::minimum:
      return kernel<T, T>([](T a, T b, const P&) { return a < b || a != a ? a : b; });
    case Binary::equal: return kernel<bool, T>([](T a, T b, const P&) { return a == b; });
    case Binary::not_equal: return kernel<bool, T>([](T a, T b, const P&) { return a != b; });
    case Binary::less: return kernel<bool, T>([](T a, T b, const P&) { return a < b; });
    case Binary::less_equal: return kernel<bool, T>([](T a, T b, const P&) { return a <= b; });
    case Binary::greater: return kernel<bool, T>([](T a, T b, const P&) { return a > b; });
    case Binary::greater_equal: return kernel<bool, T>([](T a, T b, const P&) { return a >= b; });
    case Binary::logical_and:
      return kernel<bool, T>([](T a, T b, const P&) { return a != T(0) && b != T(0); });
    case Binary::logical_or:
      return kernel<bool, T>([](T a, T b, const P&) { return a != T(0) || b != T(0); });
    default: return nullptr;
  }
}

/// base^exponent modulo 2^64; for a negative exponent the integer part of the quotient.
std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  std::uint64_t y = 1;
  for (auto factor = static_cast<std::uint64_t>(base); exponent > 0;
       exponent /= 2, factor *= factor)
    if (exponent % 2 == 1) y *= factor;
  return static_cast<std::int64_t>(y);
}

template <class T>
BinaryKernel find_integer(Binary operation) {
  using P = Parameters;
  using U =
      std::uint64_t;  // wraps, where signed numbers overflow; for boolean, + is or and * is and
  switch (operation) {
    case Binary::add:
      return kernel<T, T>(
          [](T a, T b, const P&) { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); });
    case Binary::subtract:
      return kernel<T, T>(
          [](T a, T b, const P&) { return static_cast<T>(static_cast<U>(a) - static_cast<U>(b)); });
    case Binary::multiply:
      return kernel<T, T>(
          [](T a, T b, const P&) { return static_cast<T>(static_cast<U>(a) * static_cast<U>(b)); });
    case Binary::power:
      return kernel<T, T>([](T a, T b, const P&) { return static_cast<T>(integer_power(a, b)); });
    default: return find_any<T>(operation);
  }
}

template <class T>
T sigmoid(T x) {
  const T e = std::exp(-std::abs(x));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

/// dy (Phi(x) + x phi(x)), in double as gelu is.
template <class T>
T gelu_gradient(T dy, T x) {
  const auto wide = static_cast<double>(x);
  const double cumulative = 0.5 * std::erfc(-wide * (std::numbers::sqrt2 / 2));
  const double density =
      std::exp(-0.5 * wide * wide) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return static_cast<T>(static_cast<double>(dy) * (cumulative + wide * density));
}

template <class T>
BinaryKernel find_floating(Binary operation) {
  using P = Parameters;
  switch (operation) {
    case Binary::add: return kernel<T, T>([](T a, T b, const P&) { return a + b; });
    case Binary::subtract: return kernel<T, T>([](T a, T b, const P&) { return a - b; });
    case Binary::multiply: return kernel<T, T>([](T a, T b, const P&) { return a * b; });
    case Binary::divide: return kernel<T, T>([](T a, T b, const P&) { return a / b; });
    case Binary::power: return kernel<T, T>([](T a, T b, const P&) { return std::pow(a, b); });
    case Binary::maximum_share:
      return kernel<T, T>([](T a, T b, const P&) { return a < b ? T(0) : a == b ? T(0.5) : T(1); });
    case Binary::tanh_gradient:
      return kernel<T, T>([](T dy, T y, const P&) { return dy * (T(1) - y * y); });
    case Binary::sigmoid_gradient:
      return kernel<T, T>([](T dy, T y, const P&) { return dy * (y * (T(1) - y)); });
    case Binary::relu_gradient:
      return kernel<T, T>([](T dy, T y, const P&) { return y <= T(0) ? T(0) : dy; });
    case Binary::leaky_relu_gradient:
      return kernel<T, T>(
          [](T dy, T y, const P& p) { return y > T(0) ? dy : static_cast<T>(p.first) * dy; });
    case Binary::elu_gradient:
      return kernel<T, T>(
          [](T dy, T y, const P& p) { return y > T(0) ? dy : dy * (y + static_cast<T>(p.first)); });
    case Binary::gelu_gradient:
      return kernel<T, T>([](T dy, T x, const P&) { return gelu_gradient(dy, x); });
    case Binary::silu_gradient:
      return kernel<T, T>([](T dy, T x, const P&) {
        const T s = sigmoid(x);
        return dy * (s * (T(1) + x * (T(1) - s)));
      });
    case Binary::clamp_gradient:
      return kernel<T, T>([](T dy, T x, const P& p) {
        return x > static_cast<T>(p.first) && x < static_cast<T>(p.second) ? dy : T(0);
      });
    default: return find_any<T>(operation);
  }
}

/// Moves bits, whatever they mean.
template <class T>
void choose(const Run& run, const bool* condition, const void* a, const void* b, void* y) {
  map_run(run, static_cast<T*>(y), condition, static_cast<const T*>(a), static_cast<const T*>(b),
          [](bool first, T left, T right) { return first ? left : right; });
}

}  // namespace

BinaryKernel find_binary(Binary operation, Dtype dtype) {
  return visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      return find_floating<T>(operation);
    } else {
      return find_integer<T>(operation);
    }
  });
}

WhereKernel find_where(Dtype dtype) {
  switch (size_bytes(dtype)) {
    case 1: return choose<std::uint8_t>;
    case 4: return choose<std::uint32_t>;
    default: return choose<std::uint64_t>;
  }
}

}  // namespace tenon::kernels::reference
