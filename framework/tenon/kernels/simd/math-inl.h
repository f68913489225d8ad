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

// On x86 Min and Max give their second operand if one is NaN: numbers of ours stand first, so that
// a NaN in x passes.

/// x = n log(2) + r, |r| <= log(2) / 2; x within +-150.
template <class D>
struct Log2Parts {
  hn::Vec<D> r;
  hn::Vec<hn::RebindToSigned<D>> biased;  ///< n + bias in the lowest 9 bits
};
template <int kBias, class D, class V>
HWY_INLINE Log2Parts<D> split_by_log2(D d, V x) {
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  const V shift = hn::Set(d, 12582912.0f + kBias);
  const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504088896341f), shift);
  const V k = hn::Sub(shifted, shift);
  // log(2) in two parts (Cody and Waite): k times the first, of 9 bits, is exact.
  const V r = hn::MulAdd(k, hn::Set(d, -0.693359375f), x);
  return {hn::MulAdd(k, hn::Set(d, 2.12194440e-4f), r),
          hn::BitCast(hn::RebindToSigned<D>(), shifted)};
}

/// 2^n from n + 127 in the lowest 9 bits, -126 <= n <= 127.
template <class D, class VI>
HWY_INLINE hn::Vec<D> power_of_two(D d, VI biased) {
  return hn::BitCast(d, hn::ShiftLeft<23>(biased));
}

/// exp(r) - 1 for |r| <= log(2) / 2, for sums with 1: off by 0.05 ULP of exp(r) before rounding.
template <class D, class V>
HWY_INLINE V exp_minus_one(D d, V r) {
  V p = hn::MulAdd(r, hn::Set(d, 1.3814467e-3f), hn::Set(d, 8.3687808e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1668393e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666520e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.9999994e-1f));
  return hn::MulAdd(p, hn::Mul(r, r), r);
}

/// exp(r) 2^n, reached in two steps so that 2^128 and denormal results are; the bias is 254.
template <class D>
HWY_INLINE hn::Vec<D> scaled_exp(D d, Log2Parts<D> parts) {
  const auto y = hn::Add(exp_minus_one(d, parts.r), hn::Set(d, 1.0f));
  const auto half = hn::ShiftRight<1>(parts.biased);
  return hn::Mul(hn::Mul(y, power_of_two(d, half)), power_of_two(d, hn::Sub(parts.biased, half)));
}

/// exp(x), at most 1 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp(D d, V x) {
  // exp(89) is infinite and exp(-104) zero.
  const V limited = hn::Max(hn::Set(d, -104.0f), hn::Min(hn::Set(d, 89.0f), x));
  return scaled_exp(d, split_by_log2<254>(d, limited));
}

/// exp(x) for x <= 0, at most 1 ULP off, and 0 where the result is denormal: for terms of sums that
/// one of them makes at least 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_of_nonpositive(D d, V x) {
  const Log2Parts<D> parts = split_by_log2<127>(d, x);
  const V scale = power_of_two(d, parts.biased);
  const V y = hn::MulAdd(exp_minus_one(d, parts.r), scale, scale);
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.3365402f)), y);  // a NaN stays
}

/// exp(x) - 1 for x <= 40 (larger ones count as 40), at most 1 ULP off for x <= 0, else 2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V expm1(D d, V x) {
  const V limited = hn::Max(hn::Set(d, -40.0f), hn::Min(hn::Set(d, 40.0f), x));
  const Log2Parts<D> parts = split_by_log2<127>(d, limited);
  const V r = parts.r, scale = power_of_two(d, parts.biased);
  // The polynomial of Cephes' expf.
  V p = hn::MulAdd(r, hn::Set(d, 1.9875691500e-4f), hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  p = hn::MulAdd(p, hn::Mul(r, r), r);
  const V y = hn::MulAdd(p, scale, hn::Sub(scale, hn::Set(d, 1.0f)));
  return hn::CopySign(y, x);
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

/// tanh(x) = h / (h + 1) with h = (exp(2 |x|) - 1) / 2, at most 2.5 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V magnitude = hn::Min(hn::Set(d, 10.0f), hn::Abs(x));  // tanh(10) rounds to 1
  // |x| = n log(2) / 2 + r as in split_by_log2, but n is small enough for one constant.
  const V shift = hn::Set(d, 12582912.0f + 127.0f);
  const V shifted = hn::MulAdd(magnitude, hn::Set(d, 2.88539008177792681f), shift);
  const V r = hn::MulAdd(hn::Sub(shifted, shift), hn::Set(d, -0.34657359028f), magnitude);
  const V scale = power_of_two(d, hn::BitCast(di, shifted));
  // (exp(2 r) - 1) / 2 = r + r^2 p(r), off by 0.22 ULP.
  V p = hn::MulAdd(r, hn::Set(d, 4.4424031e-2f), hn::Set(d, 1.3386528e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 3.3333760e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 6.6666174e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 9.9999994e-1f));
  p = hn::MulAdd(p, hn::Mul(r, r), r);
  const V half = hn::Set(d, 0.5f);
  const V h = hn::MulAdd(p, scale, hn::MulSub(scale, half, half));
  return hn::CopySign(hn::Div(h, hn::Add(h, hn::Set(d, 1.0f))), x);
}

/// 1 / (1 + exp(-x)), at most 2.5 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V e =
      exp(d, hn::Neg(hn::Abs(x)));  // at most 1: no overflow, and small results keep their digits
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

/// exp(-t^2 / 2) for 0 <= t <= 15, at most 1.5 ULP off.
template <class D, class V>
HWY_INLINE V normal_exp(D d, V t) {
  // The square in two parts: the rounding of one would count t^2 / 2 times.
#if HWY_NATIVE_FMA
  const V high = hn::Mul(t, t);
  const V low = hn::MulSub(t, t, high);
#else
  const hn::RebindToSigned<D> di;
  const V head = hn::BitCast(d, hn::And(hn::BitCast(di, t), hn::Set(di, ~0xfff)));  // exact squares
  const V high = hn::Mul(head, head);
  const V low = hn::Mul(hn::Sub(t, head), hn::Add(t, head));
#endif
  const V minus_half = hn::Set(d, -0.5f);
  Log2Parts<D> parts =
      split_by_log2<254>(d, hn::Max(hn::Set(d, -104.0f), hn::Mul(high, minus_half)));
  parts.r = hn::MulAdd(low, minus_half, parts.r);
  return scaled_exp(d, parts);
}

/// The normal distribution function from e = normal_exp(|x|): its tails are e times a rational
/// function of |x|, fitted to 0.1 ULP.
template <class D, class V>
HWY_INLINE V normal_distribution(D d, V x, V t, V e) {
  V p = hn::MulAdd(t, hn::Set(d, 4.1163103e-3f), hn::Set(d, 4.0633317e-2f));
  p = hn::MulAdd(p, t, hn::Set(d, 1.8323554e-1f));
  p = hn::MulAdd(p, t, hn::Set(d, 4.3829569e-1f));
  p = hn::MulAdd(p, t, hn::Set(d, 5.0000000e-1f));
  V q = hn::MulAdd(t, hn::Set(d, 1.0317940e-2f), hn::Set(d, 1.0185907e-1f));
  q = hn::MulAdd(q, t, hn::Set(d, 4.6947163e-1f));
  q = hn::MulAdd(q, t, hn::Set(d, 1.2025051e+0f));
  q = hn::MulAdd(q, t, hn::Set(d, 1.6744764e+0f));
  q = hn::MulAdd(q, t, hn::Set(d, 1.0f));
  const V tail = hn::Mul(e, hn::Div(p, q));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0f), tail));
}

/// x Phi(x), at most 7 ULP off (in the left tail); denormal results by 15 of their units.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu(D d, V x) {
  const V t = hn::Min(hn::Set(d, 15.0f), hn::Abs(x));
  return hn::Mul(x, normal_distribution(d, x, t, normal_exp(d, t)));
}

/// Phi(x) + x phi(x).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_slope(D d, V x) {
  const V t = hn::Min(hn::Set(d, 15.0f), hn::Abs(x));
  const V e = normal_exp(d, t);
  const V density = hn::Mul(e, hn::Set(d, 0.3989422804f));
  return hn::MulAdd(x, density, normal_distribution(d, x, t, e));
}

/// log(1 + x), at most 2 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V log1p(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V u = hn::Add(one, x);
  const V lost = hn::Sub(x, hn::Sub(u, one));
  const V y = log(d, u);
  // Where the logarithm is infinite or NaN the correction is NaN.
  const auto regular = hn::And(hn::Gt(u, hn::Zero(d)), hn::Lt(u, hn::Set(d, HUGE_VALF)));
  return hn::CopySign(hn::IfThenElse(regular, hn::Add(y, hn::Div(lost, u)), y), x);
}

/// log(1 + exp(x)), at most 2.5 ULP off.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V softplus(D d, V x) {
  const V rest = log1p(d, exp(d, hn::Neg(hn::Abs(x))));
  const V y = hn::Add(hn::Max(x, hn::Zero(d)), rest);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
