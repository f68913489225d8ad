#include <cmath>
#include <numbers>
#include <type_traits>

#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/convert_internal.h"
#include "tenon/kernels/reference/elementwise.h"

namespace tenon::kernels::reference {
namespace {

/// The kernel that applies a lambda without captures.
template <class Y, class T, class F>
UnaryKernel kernel(F) {
  return [](const Run& run, const Parameters& p, const void* x, void* y) {
    map_run(run, static_cast<Y*>(y), static_cast<const T*>(x),
            [&p](T value) { return F{}(value, p); });
  };
}

template <class T>
UnaryKernel find_any(Unary operation) {
  using P = Parameters;
  switch (operation) {
    case Unary::logical_not: return kernel<bool, T>([](T x, const P&) { return x == T(0); });
    case Unary::isnan: return kernel<bool, T>([](T x, const P&) { return x != x; });
    case Unary::sign:
      return kernel<T, T>([](T x, const P&) { return static_cast<T>((T(0) < x) - (x < T(0))); });
    case Unary::relu: return kernel<T, T>([](T x, const P&) { return x < T(0) ? T(0) : x; });
    case Unary::clamp:
      return kernel<T, T>([](T x, const P& p) {
        const T low = convert_value<T>(p.first), high = convert_value<T>(p.second);
        const T above = x < low ? low : x;
        return above > high ? high : above;
      });
    default: return nullptr;
  }
}

template <class T>
UnaryKernel find_integer(Unary operation) {
  using P = Parameters;
  using U = std::uint64_t;  // wraps, where signed numbers overflow
  switch (operation) {
    case Unary::negate:
      return kernel<T, T>([](T x, const P&) { return static_cast<T>(U(0) - static_cast<U>(x)); });
    case Unary::abs:
      return kernel<T, T>(
          [](T x, const P&) { return x < T(0) ? static_cast<T>(U(0) - static_cast<U>(x)) : x; });
    case Unary::square:
      return kernel<T, T>(
          [](T x, const P&) { return static_cast<T>(static_cast<U>(x) * static_cast<U>(x)); });
    case Unary::floor:
    case Unary::round: return kernel<T, T>([](T x, const P&) { return x; });
    default: return find_any<T>(operation);
  }
}

/// x Phi(x): erfc keeps the digits of the left tail. In double, since the rounding of x / sqrt(2)
/// grows there.
template <class T>
T gelu(T x) {
  const auto wide = static_cast<double>(x);
  return static_cast<T>(0.5 * wide * std::erfc(-wide * (std::numbers::sqrt2 / 2)));
}

template <class T>
T sigmoid(T x) {
  const T e = std::exp(-std::abs(x));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

template <class T>
UnaryKernel find_floating(Unary operation) {
  using P = Parameters;
  switch (operation) {
    case Unary::negate: return kernel<T, T>([](T x, const P&) { return -x; });
    case Unary::abs: return kernel<T, T>([](T x, const P&) { return std::abs(x); });
    case Unary::floor: return kernel<T, T>([](T x, const P&) { return std::floor(x); });
    case Unary::round: return kernel<T, T>([](T x, const P&) { return std::nearbyint(x); });
    case Unary::exp: return kernel<T, T>([](T x, const P&) { return std::exp(x); });
    case Unary::log: return kernel<T, T>([](T x, const P&) { return std::log(x); });
    case Unary::log1p: return kernel<T, T>([](T x, const P&) { return std::log1p(x); });
    case Unary::expm1: return kernel<T, T>([](T x, const P&) { return std::expm1(x); });
    case Unary::sqrt: return kernel<T, T>([](T x, const P&) { return std::sqrt(x); });
    case Unary::rsqrt: return kernel<T, T>([](T x, const P&) { return T(1) / std::sqrt(x); });
    case Unary::square: return kernel<T, T>([](T x, const P&) { return x * x; });
    case Unary::sin: return kernel<T, T>([](T x, const P&) { return std::sin(x); });
    case Unary::cos: return kernel<T, T>([](T x, const P&) { return std::cos(x); });
    case Unary::erf: return kernel<T, T>([](T x, const P&) { return std::erf(x); });
    case Unary::tanh: return kernel<T, T>([](T x, const P&) { return std::tanh(x); });
    case Unary::sigmoid: return kernel<T, T>([](T x, const P&) { return sigmoid(x); });
    case Unary::leaky_relu:
      return kernel<T, T>(
          [](T x, const P& p) { return x > T(0) ? x : static_cast<T>(p.first) * x; });
    case Unary::elu:
      return kernel<T, T>(
          [](T x, const P& p) { return x > T(0) ? x : static_cast<T>(p.first) * std::expm1(x); });
    case Unary::gelu: return kernel<T, T>([](T x, const P&) { return gelu(x); });
    case Unary::silu: return kernel<T, T>([](T x, const P&) { return x * sigmoid(x); });
    case Unary::softplus:
      return kernel<T, T>([](T x, const P&) {
        return x > T(0) ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
      });
    default: return find_any<T>(operation);
  }
}

}  // namespace

UnaryKernel find_unary(Unary operation, Dtype dtype) {
  return visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      return find_floating<T>(operation);
    } else {
      return find_integer<T>(operation);
    }
  });
}

}  // namespace tenon::kernels::reference
