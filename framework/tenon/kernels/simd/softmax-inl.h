// What softmax and its relatives are made of, for f32 [count] lines: as rows (a line is contiguous)
// and as columns (lines lie side by side, `stride` from one element of a line to the next).
// A NaN or +infinity in a line, or nothing but -infinity, makes its sum NaN.
#if defined(TENON_KERNELS_SIMD_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_SOFTMAX_INL_H_
#undef TENON_KERNELS_SIMD_SOFTMAX_INL_H_
#else
#define TENON_KERNELS_SIMD_SOFTMAX_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Columns that are worked on at once: their cache lines are read whole.
inline constexpr int kColumnVectors = 4;
/// Terms that are added up by themselves, so that long sums keep their digits.
inline constexpr std::size_t kSumBlock = 64;

/// body(columns<K>, access, first column): four vectors at a time, then one, then the rest of one.
template <class Body>
HWY_INLINE void for_columns(std::size_t width, Body body) {
  const std::size_t lanes = hn::Lanes(Floats());
  std::size_t i = 0;
  for (; i + kColumnVectors * lanes <= width; i += kColumnVectors * lanes)
    body(std::integral_constant<int, kColumnVectors>(), AllLanes(), i);
  for (; i + lanes <= width; i += lanes) body(std::integral_constant<int, 1>(), AllLanes(), i);
  if (i < width) body(std::integral_constant<int, 1>(), FirstLanes{width - i}, i);
}

template <int K, class Access>
HWY_INLINE void column_max(Access access, const float* x, std::size_t stride, std::size_t count,
                           FloatVector* greatest) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  for (int k = 0; k < K; ++k) greatest[k] = hn::Set(d, -HUGE_VALF);
  for (std::size_t c = 0; c < count; ++c)
    for (int k = 0; k < K; ++k)
      greatest[k] = hn::Max(greatest[k], access.load(d, x + c * stride + k * lanes));
}

/// totals = sum of term(c, k) over the count terms of each of the K columns.
template <int K, class Term>
HWY_INLINE void column_sum(std::size_t count, FloatVector* totals, Term term) {
  const Floats d;
  for (int k = 0; k < K; ++k) totals[k] = hn::Zero(d);
  for (std::size_t begin = 0; begin < count; begin += kSumBlock) {
    FloatVector block[K];
    for (int k = 0; k < K; ++k) block[k] = hn::Zero(d);
    const std::size_t end = std::min(count, begin + kSumBlock);
    for (std::size_t c = begin; c < end; ++c)
      for (int k = 0; k < K; ++k) block[k] = hn::Add(block[k], term(c, k));
    for (int k = 0; k < K; ++k) totals[k] = hn::Add(totals[k], block[k]);
  }
}

/// totals = sum of exp(x - greatest); the terms go to `e`, unless it is null.
template <int K, class Access>
HWY_INLINE void column_exp_sum(Access access, const float* x, std::size_t stride, std::size_t count,
                               const FloatVector* greatest, float* e, FloatVector* totals) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto term = [=](std::size_t c, int k) HWY_ATTR {
    const std::size_t at = c * stride + static_cast<std::size_t>(k) * lanes;
    return exp_of_nonpositive(d, hn::Sub(access.load(d, x + at), greatest[k]));
  };
  if (e == nullptr) return column_sum<K>(count, totals, term);
  column_sum<K>(count, totals, [=](std::size_t c, int k) HWY_ATTR {
    const FloatVector v = term(c, k);
    access.store(v, d, e + c * stride + static_cast<std::size_t>(k) * lanes);
    return v;
  });
}

/// The greatest element of a row; any number if one of them is NaN.
HWY_INLINE FloatVector row_max(const float* x, std::size_t count) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const FloatVector lowest = hn::Set(d, -HUGE_VALF);
  FloatVector m0 = lowest, m1 = lowest, m2 = lowest, m3 = lowest;
  std::size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    m0 = hn::Max(m0, hn::LoadU(d, x + i));
    m1 = hn::Max(m1, hn::LoadU(d, x + i + lanes));
    m2 = hn::Max(m2, hn::LoadU(d, x + i + 2 * lanes));
    m3 = hn::Max(m3, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= count; i += lanes) m0 = hn::Max(m0, hn::LoadU(d, x + i));
  if (i < count) {
    const std::size_t rest = count - i;
    m1 = hn::Max(m1, hn::IfThenElse(hn::FirstN(d, rest), FirstLanes{rest}.load(d, x + i), lowest));
  }
  return hn::MaxOfLanes(d, hn::Max(hn::Max(m0, m1), hn::Max(m2, m3)));
}

/// The sum of term(i, access) over the vectors of a row.
template <class Term>
HWY_INLINE FloatVector row_sum(std::size_t count, Term term) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  FloatVector total = hn::Zero(d);
  std::size_t i = 0;
  while (i + lanes <= count) {
    // Four chains of additions, as long as kSumBlock at most.
    const std::size_t end = std::min(count, i + 4 * kSumBlock * lanes);
    FloatVector s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
      s0 = hn::Add(s0, term(i, AllLanes()));
      s1 = hn::Add(s1, term(i + lanes, AllLanes()));
      s2 = hn::Add(s2, term(i + 2 * lanes, AllLanes()));
      s3 = hn::Add(s3, term(i + 3 * lanes, AllLanes()));
    }
    for (; i + lanes <= end; i += lanes) s0 = hn::Add(s0, term(i, AllLanes()));
    total = hn::Add(total, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
  }
  if (i < count) {
    const std::size_t rest = count - i;
    total = hn::Add(total, hn::IfThenElseZero(hn::FirstN(d, rest), term(i, FirstLanes{rest})));
  }
  return hn::SumOfLanes(d, total);
}

/// The sum of exp(x - greatest); the terms go to `e`, unless it is null.
HWY_INLINE FloatVector row_exp_sum(const float* x, std::size_t count, FloatVector greatest,
                                   float* e) {
  const Floats d;
  const auto term = [=](std::size_t i, auto access) HWY_ATTR {
    return exp_of_nonpositive(d, hn::Sub(access.load(d, x + i), greatest));
  };
  if (e == nullptr) return row_sum(count, term);
  return row_sum(count, [=](std::size_t i, auto access) HWY_ATTR {
    const FloatVector v = term(i, access);
    access.store(v, d, e + i);
    return v;
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
