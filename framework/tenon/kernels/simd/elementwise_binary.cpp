#include <cmath>

#include "tenon/kernels/simd/elementwise.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/elementwise_binary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// Either operand may be one number, repeated; when both are, so is the result.
template <class F>
HWY_INLINE void map_pair(F f, const float* a, bool repeat_a, const float* b, bool repeat_b,
                         float* y, std::size_t count) {
  const Floats d;
  if (!repeat_a && !repeat_b) {
    map_lines(f, a, b, y, count);
  } else if (repeat_b) {
    const FloatVector number = hn::Set(d, *b);
    if (repeat_a) {
      const FloatVector other = hn::Set(d, *a);
      map_line([f, other, number](Floats t, FloatVector) HWY_ATTR { return f(t, other, number); },
               y, y, count);
    } else {
      map_line([f, number](Floats t, FloatVector v) HWY_ATTR { return f(t, v, number); }, a, y,
               count);
    }
  } else {
    const FloatVector number = hn::Set(d, *a);
    map_line([f, number](Floats t, FloatVector v) HWY_ATTR { return f(t, number, v); }, b, y,
             count);
  }
}

void binary_line(Binary operation, const Parameters& p, const float* a, bool repeat_a,
                 const float* b, bool repeat_b, float* y, std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V first = hn::Set(d, static_cast<float>(p.first));
  const V second = hn::Set(d, static_cast<float>(p.second));
  const V zero = hn::Zero(d);
  const V one = hn::Set(d, 1.0f);
  const auto map = [&](auto f) HWY_ATTR { map_pair(f, a, repeat_a, b, repeat_b, y, count); };
  switch (operation) {
    case Binary::add: return map([](Floats, V u, V v) HWY_ATTR { return hn::Add(u, v); });
    case Binary::subtract: return map([](Floats, V u, V v) HWY_ATTR { return hn::Sub(u, v); });
    case Binary::multiply: return map([](Floats, V u, V v) HWY_ATTR { return hn::Mul(u, v); });
    case Binary::divide: return map([](Floats, V u, V v) HWY_ATTR { return hn::Div(u, v); });
    case Binary::maximum:  // a NaN in either operand is the result
      return map([](Floats, V u, V v)
                     HWY_ATTR { return hn::IfThenElse(hn::Or(hn::Gt(u, v), hn::IsNaN(u)), u, v); });
    case Binary::minimum:
      return map([](Floats, V u, V v)
                     HWY_ATTR { return hn::IfThenElse(hn::Or(hn::Lt(u, v), hn::IsNaN(u)), u, v); });
    case Binary::tanh_gradient:
      return map([one](Floats, V dy, V v)
                     HWY_ATTR { return hn::Mul(dy, hn::NegMulAdd(v, v, one)); });
    case Binary::sigmoid_gradient:
      return map([one](Floats, V dy, V v)
                     HWY_ATTR { return hn::Mul(dy, hn::Mul(v, hn::Sub(one, v))); });
    case Binary::relu_gradient:
      return map([zero](Floats, V dy, V v)
                     HWY_ATTR { return hn::IfThenElse(hn::Le(v, zero), zero, dy); });
    case Binary::leaky_relu_gradient:
      return map([zero, first](Floats, V dy, V v)
                     HWY_ATTR { return hn::IfThenElse(hn::Gt(v, zero), dy, hn::Mul(first, dy)); });
    case Binary::elu_gradient:
      return map([zero, first](Floats, V dy, V v) HWY_ATTR {
        return hn::IfThenElse(hn::Gt(v, zero), dy, hn::Mul(dy, hn::Add(v, first)));
      });
    case Binary::maximum_share:
      return map([zero, one](Floats t, V u, V v) HWY_ATTR {
        const V share = hn::IfThenElse(hn::Eq(u, v), hn::Set(t, 0.5f), one);
        return hn::IfThenElse(hn::Lt(u, v), zero, share);
      });
    case Binary::gelu_gradient:
      return map([](Floats t, V dy, V v) HWY_ATTR { return hn::Mul(dy, gelu_slope(t, v)); });
    case Binary::silu_gradient:
      return map([one](Floats t, V dy, V v) HWY_ATTR {
        const V s = sigmoid(t, v);
        return hn::Mul(dy, hn::Mul(s, hn::MulAdd(v, hn::Sub(one, s), one)));
      });
    case Binary::clamp_gradient:
      return map([zero, first, second](Floats, V dy, V v) HWY_ATTR {
        return hn::IfThenElse(hn::And(hn::Gt(v, first), hn::Lt(v, second)), dy, zero);
      });
    default: return;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(binary_line);

bool has(Binary operation) {
  switch (operation) {
    case Binary::add:
    case Binary::subtract:
    case Binary::multiply:
    case Binary::divide:
    case Binary::maximum:
    case Binary::minimum:
    case Binary::tanh_gradient:
    case Binary::sigmoid_gradient:
    case Binary::relu_gradient:
    case Binary::leaky_relu_gradient:
    case Binary::elu_gradient:
    case Binary::maximum_share:
    case Binary::gelu_gradient:
    case Binary::silu_gradient:
    case Binary::clamp_gradient: return true;
    default: return false;
  }
}

void binary(Binary operation, const Parameters& p, const float* a, bool repeat_a, const float* b,
            bool repeat_b, float* y, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(binary_line)
  (operation, p, a, repeat_a, b, repeat_b, y, static_cast<std::size_t>(count));
}

}  // namespace tenon::kernels::simd
#endif
