// Sums of f32 that keep their digits: short ones in f32, those of short ones in double.
#if defined(TENON_KERNELS_SIMD_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_REDUCE_INL_H_
#undef TENON_KERNELS_SIMD_REDUCE_INL_H_
#else
#define TENON_KERNELS_SIMD_REDUCE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "tenon/kernels/simd/line-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using DoubleVector = hn::Vec<Doubles>;

HWY_INLINE DoubleVector lower_doubles(FloatVector v) {
  return hn::PromoteTo(Doubles(), hn::LowerHalf(hn::Half<Floats>(), v));
}
HWY_INLINE DoubleVector upper_doubles(FloatVector v) {
  return hn::PromoteTo(Doubles(), hn::UpperHalf(hn::Half<Floats>(), v));
}

/// Terms that a lane adds up in f32.
inline constexpr std::size_t kFloatTerms = 16;

/// The sum over i < count of term(i, access), one vector of terms at a time; the terms of lanes
/// beyond count do not count.
template <class Term>
HWY_INLINE double sum_terms(std::size_t count, Term term) {
  const Floats d;
  const Doubles dd;
  const std::size_t lanes = hn::Lanes(d);
  DoubleVector low = hn::Zero(dd), high = hn::Zero(dd);
  std::size_t i = 0;
  while (i + lanes <= count) {
    const std::size_t end = std::min(count, i + 4 * kFloatTerms * lanes);
    FloatVector s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
      s0 = hn::Add(s0, term(i, AllLanes()));
      s1 = hn::Add(s1, term(i + lanes, AllLanes()));
      s2 = hn::Add(s2, term(i + 2 * lanes, AllLanes()));
      s3 = hn::Add(s3, term(i + 3 * lanes, AllLanes()));
    }
    for (; i + lanes <= end; i += lanes) s0 = hn::Add(s0, term(i, AllLanes()));
    const FloatVector s = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3));
    low = hn::Add(low, lower_doubles(s));
    high = hn::Add(high, upper_doubles(s));
  }
  if (i < count) {
    const std::size_t rest = count - i;
    const FloatVector s = hn::IfThenElseZero(hn::FirstN(d, rest), term(i, FirstLanes{rest}));
    low = hn::Add(low, lower_doubles(s));
    high = hn::Add(high, upper_doubles(s));
  }
  return hn::GetLane(hn::SumOfLanes(dd, hn::Add(low, high)));
}

/// sums[0 .. lanes) += v; of the first `count` lanes alone.
HWY_INLINE void add_doubles(FloatVector v, double* sums) {
  const Doubles dd;
  const std::size_t half = hn::Lanes(dd);
  hn::StoreU(hn::Add(hn::LoadU(dd, sums), lower_doubles(v)), dd, sums);
  hn::StoreU(hn::Add(hn::LoadU(dd, sums + half), upper_doubles(v)), dd, sums + half);
}
HWY_INLINE void add_doubles(FloatVector v, double* sums, std::size_t count) {
  const Floats d;
  HWY_ALIGN float lanes[hn::MaxLanes(Floats())];
  hn::Store(v, d, lanes);
  for (std::size_t i = 0; i < count; ++i) sums[i] += static_cast<double>(lanes[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
