// Elementary functions on vectors of f32, for every instruction set that a .cpp with
// foreach_target.h is compiled for. NaN, infinities, denormals and -0 as in the C library. ULP
// bounds are tested in tests/kernels/elementwise_simd_test.cpp.
#if defined(TENON_KERNELS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_MATH_INL_H_
#undef TENON_KERNELS_SIMD_MATH_INL_H_
#else
#define TENON_KERNELS_SIMD_MATH_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// 2^n for -126 <= n <= 127.
template <class D, class VI>
HWY_INLINE hn::Vec<D> power_of_two(D d, VI n) {
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(hn::RebindToSigned<D>(), 127))));
}

/// x = n log(2) + r, |r| <= log(2) / 2. Returns r; x within +-150.
template <class D, class V, class VI>
HWY_INLINE V reduce_by_log2(D d, V x, VI& n) {
  n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504088896341f)));
  const V k = hn::ConvertTo(d, n);
  // log(2) in two parts (Cody and Waite): k times the first, of 9 bits, is exact.
  const V r = hn::MulAdd(k, hn::Set(d, -0.693359375f), x);
  return hn::MulAdd(k, hn::Set(d, 2.12194440e-4f), r);
}

/// exp(r) - 1 - r for |r| <= log(2) / 2 (the polynomial of Cephes' expf).
template <class D, class V>
HWY_INLINE V exp_remainder(D d, V r) {
  V p = hn::MulAdd(r, hn::Set(d, 1.9875691500e-4f), hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  return hn::Mul(p, hn::Mul(r, r));
}

/// exp(x), at most 1 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp(D d, V x) {
  // exp(89) is infinite and exp(-104) zero.
  const V limited = hn::Min(hn::Max(x, hn::Set(d, -104.0f)), hn::Set(d, 89.0f));
  hn::Vec<hn::RebindToSigned<D>> n;
  const V r = reduce_by_log2(d, limited, n);
  const V y = hn::Add(hn::Add(exp_remainder(d, r), r), hn::Set(d, 1.0f));
  // In two steps, so that 2^128 and denormal results are reached.
  const auto half = hn::ShiftRight<1>(n);
  const V scaled = hn::Mul(hn::Mul(y, power_of_two(d, half)), power_of_two(d, hn::Sub(n, half)));
  return hn::IfThenElse(hn::IsNaN(x), x, scaled);
}

/// exp(x) - 1 for x <= 40 (larger ones count as 40), at most 1 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V expm1(D d, V x) {
  const V limited = hn::Min(hn::Max(x, hn::Set(d, -40.0f)), hn::Set(d, 40.0f));
  hn::Vec<hn::RebindToSigned<D>> n;
  const V r = reduce_by_log2(d, limited, n);
  const V scale = power_of_two(d, n);
  const V y = hn::MulAdd(hn::Add(exp_remainder(d, r), r), scale, hn::Sub(scale, hn::Set(d, 1.0f)));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::CopySign(y, x));
}

/// log(x), at most 1 ULP off (the polynomial of Cephes' logf).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V log(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V zero = hn::Zero(d);
  const V infinity = hn::Set(d, HUGE_VALF);
  const auto is_denormal = hn::Lt(x, hn::Set(d, 1.17549435e-38f));
  const V normal = hn::IfThenElse(is_denormal, hn::Mul(x, hn::Set(d, 8388608.0f)), x);
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)): the mantissa's distance from sqrt(1/2) gives e.
  const auto bits = hn::Sub(hn::BitCast(di, normal), hn::Set(di, 0x3f3504f3));
  auto exponent = hn::ShiftRight<23>(bits);
  const V m =
      hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0x007fffff)), hn::Set(di, 0x3f3504f3)));
  const V e =
      hn::Sub(hn::ConvertTo(d, exponent), hn::IfThenElseZero(is_denormal, hn::Set(d, 23.0f)));

  const V f = hn::Sub(m, hn::Set(d, 1.0f));
  V p = hn::MulAdd(f, hn::Set(d, 7.0376836292e-2f), hn::Set(d, -1.1514610310e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.1676998740e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, -1.2420140846e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.4249322787e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, -1.6668057665e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.0000714765e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, -2.4999993993e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 3.3333331174e-1f));
  const V square = hn::Mul(f, f);
  V y = hn::Mul(hn::Mul(p, f), square);
  y = hn::MulAdd(e, hn::Set(d, -2.12194440e-4f), y);
  y = hn::MulAdd(square, hn::Set(d, -0.5f), y);
  y = hn::MulAdd(e, hn::Set(d, 0.693359375f), hn::Add(f, y));

  y = hn::IfThenElse(hn::Eq(x, infinity), x, y);
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), y);
  return hn::IfThenElse(hn::Ge(x, zero), y, hn::Set(d, NAN));
}

/// tanh(x) = t / (t + 2) with t = exp(2 |x|) - 1, at most 2.5 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh(D d, V x) {
  const V magnitude = hn::Min(hn::Abs(x), hn::Set(d, 10.0f));  // tanh(10) rounds to 1
  const V t = expm1(d, hn::Add(magnitude, magnitude));
  const V y = hn::Div(t, hn::Add(t, hn::Set(d, 2.0f)));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::CopySign(y, x));
}

/// 1 / (1 + exp(-x)), at most 2.5 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V e =
      exp(d, hn::Neg(hn::Abs(x)));  // at most 1: no overflow, and small results keep their digits
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
