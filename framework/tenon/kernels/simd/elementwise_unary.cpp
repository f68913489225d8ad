#include <cmath>
#include <cstring>

#include "tenon/kernels/simd/elementwise.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/elementwise_unary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

void unary_line(Unary operation, const Parameters& p, const float* x, float* y, std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V first = hn::Set(d, static_cast<float>(p.first));
  const V second = hn::Set(d, static_cast<float>(p.second));
  const V zero = hn::Zero(d);
  switch (operation) {
    case Unary::negate:
      return map_line([](Floats, V v) HWY_ATTR { return hn::Neg(v); }, x, y, count);
    case Unary::abs: return map_line([](Floats, V v) HWY_ATTR { return hn::Abs(v); }, x, y, count);
    case Unary::square:
      return map_line([](Floats, V v) HWY_ATTR { return hn::Mul(v, v); }, x, y, count);
    case Unary::sqrt:
      return map_line([](Floats, V v) HWY_ATTR { return hn::Sqrt(v); }, x, y, count);
    case Unary::exp: return map_line([](Floats t, V v) HWY_ATTR { return exp(t, v); }, x, y, count);
    case Unary::log: return map_line([](Floats t, V v) HWY_ATTR { return log(t, v); }, x, y, count);
    case Unary::tanh:
      return map_line([](Floats t, V v) HWY_ATTR { return tanh(t, v); }, x, y, count);
    case Unary::sigmoid:
      return map_line([](Floats t, V v) HWY_ATTR { return sigmoid(t, v); }, x, y, count);
    case Unary::silu:
      return map_line([](Floats t, V v) HWY_ATTR { return hn::Mul(v, sigmoid(t, v)); }, x, y,
                      count);
    case Unary::gelu:
      return map_line([](Floats t, V v) HWY_ATTR { return gelu(t, v); }, x, y, count);
    case Unary::softplus:
      return map_line([](Floats t, V v) HWY_ATTR { return softplus(t, v); }, x, y, count);
    case Unary::expm1:
      return map_line(
          [](Floats t, V v) HWY_ATTR {
            const V large = hn::Set(t, 40.0f);  // from here on 1 counts nothing
            return hn::IfThenElse(hn::Gt(v, large), exp(t, v), expm1(t, v));
          },
          x, y, count);
    case Unary::log1p:
      return map_line([](Floats t, V v) HWY_ATTR { return log1p(t, v); }, x, y, count);
    case Unary::rsqrt:
      return map_line([](Floats t, V v) HWY_ATTR { return hn::Div(hn::Set(t, 1.0f), hn::Sqrt(v)); },
                      x, y, count);
    case Unary::floor:
      return map_line([](Floats, V v) HWY_ATTR { return hn::Floor(v); }, x, y, count);
    case Unary::round:
      return map_line([](Floats, V v) HWY_ATTR { return hn::Round(v); }, x, y, count);
    case Unary::sign:  // NaN gives 0
      return map_line(
          [zero](Floats t, V v) HWY_ATTR {
            const V one = hn::Set(t, 1.0f);
            return hn::Sub(hn::IfThenElseZero(hn::Gt(v, zero), one),
                           hn::IfThenElseZero(hn::Lt(v, zero), one));
          },
          x, y, count);
    case Unary::relu:
      return map_line([zero](Floats, V v)
                          HWY_ATTR { return hn::IfThenElse(hn::Lt(v, zero), zero, v); },
                      x, y, count);
    case Unary::leaky_relu:
      return map_line(
          [zero, first](Floats, V v)
              HWY_ATTR { return hn::IfThenElse(hn::Gt(v, zero), v, hn::Mul(first, v)); },
          x, y, count);
    case Unary::elu:
      return map_line(
          [zero, first](Floats t, V v)
              HWY_ATTR { return hn::IfThenElse(hn::Gt(v, zero), v, hn::Mul(first, expm1(t, v))); },
          x, y, count);
    case Unary::clamp:  // NaN in x fails both comparisons and stays
      return map_line(
          [first, second](Floats, V v) HWY_ATTR {
            const V above = hn::IfThenElse(hn::Lt(v, first), first, v);
            return hn::IfThenElse(hn::Gt(above, second), second, above);
          },
          x, y, count);
    default: return;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(unary_line);

bool has(Unary operation) {
  switch (operation) {
    case Unary::negate:
    case Unary::abs:
    case Unary::square:
    case Unary::sqrt:
    case Unary::exp:
    case Unary::log:
    case Unary::tanh:
    case Unary::sigmoid:
    case Unary::silu:
    case Unary::gelu:
    case Unary::softplus:
    case Unary::expm1:
    case Unary::log1p:
    case Unary::rsqrt:
    case Unary::floor:
    case Unary::round:
    case Unary::sign:
    case Unary::relu:
    case Unary::leaky_relu:
    case Unary::elu:
    case Unary::clamp: return true;
    default: return false;
  }
}

void unary(Unary operation, const Parameters& p, const float* x, float* y, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(unary_line)(operation, p, x, y, static_cast<std::size_t>(count));
}

void activate(Activation activation, const float* x, float* y, std::int64_t count) {
  if (activation == Activation::none) {
    if (x != y) std::memcpy(y, x, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  const ActivationKernel kernel = kernel_of(activation);
  unary(kernel.operation, kernel.p, x, y, count);
}

}  // namespace tenon::kernels::simd
#endif
