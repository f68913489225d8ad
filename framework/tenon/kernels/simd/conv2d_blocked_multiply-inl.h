// The micro-kernel of the blocked convolution's forward pass and input gradient.
#if defined(TENON_KERNELS_SIMD_CONV2D_BLOCKED_MULTIPLY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_CONV2D_BLOCKED_MULTIPLY_INL_H_
#undef TENON_KERNELS_SIMD_CONV2D_BLOCKED_MULTIPLY_INL_H_
#else
#define TENON_KERNELS_SIMD_CONV2D_BLOCKED_MULTIPLY_INL_H_
#endif

#include <hwy/highway.h>

#include "tenon/kernels/simd/conv2d_blocked-inl.h"
#include "tenon/kernels/simd/conv2d_blocked_internal.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::convolution::blocked {
namespace HWY_NAMESPACE {

// Registers: 6 output channels x 2 vectors of positions of the 16 of AVX2, 6 x 4 of the 32 of
// AVX-512. 16 and more channels divide into blocks of 4 to 6.
constexpr Index kChannelBlock = 6;
constexpr Index kWide = HWY_TARGET == HWY_AVX3 ? 4 : 2;
constexpr Index kNarrow = kWide / 2;

/// What `multiply` does: for blocks of R output channels and V vectors of positions,
/// sums[r][position] = (bias or sums) + sum over k of w[k][r] x[offsets[k] + position]. The k come
/// in segments, one a row of taps; taps that lie in the padding for a whole block are left out, and
/// those that lie there for its first or last vector (`without_first` and `without_last` of them,
/// at the ends of a segment) are multiplied with the others alone.
struct Blocks {
  const float* x;
  const std::int32_t* offsets;
  const float* w;
  const float* bias;  ///< null: 0
  float* sums;
  Index sums_stride;  ///< from one channel to the next
  Index count;
  Index segments;
  Index segment_step;
  Index without_first;
  Index whole;
  Index without_last;
  bool accumulate;
  Prefetcher* prefetcher;
};

/// A number that g++ does not derive other ones from ahead of a loop: it would keep dozens of
/// addresses on the stack, which short loops do not repay.
HWY_INLINE Index recomputed(Index value) {
  asm volatile("" : "+r"(value));
  return value;
}

/// sum[r][v] += w[k][r] x[offsets[k]][v] for k < count and Begin <= v < End.
template <Index R, Index V, Index Begin, Index End>
HWY_INLINE void multiply_taps(const float* HWY_RESTRICT x, const std::int32_t* HWY_RESTRICT offsets,
                              const float* HWY_RESTRICT w, Index count, FloatVector (&sum)[R][V]) {
  const Floats d;
#pragma GCC unroll 4
  for (Index k = 0; k < count; ++k, w += R) {
    const float* from = x + offsets[k];
    FloatVector xs[V];
#pragma GCC unroll 4
    for (Index v = Begin; v < End; ++v) xs[v] = keep(hn::LoadU(d, from + v * kLanes));
#pragma GCC unroll 8
    for (Index r = 0; r < R; ++r) {
      const FloatVector weight = keep(hn::Set(d, w[r]));
#pragma GCC unroll 4
      for (Index v = Begin; v < End; ++v) sum[r][v] = hn::MulAdd(weight, xs[v], sum[r][v]);
    }
  }
}

template <Index R, Index V>
HWY_NOINLINE void multiply(const Blocks& blocks) {
  const Floats d;
  const Blocks m = blocks;
  const float* x = m.x;
  float* sums = m.sums;
  for (Index block = 0; block < m.count; ++block, x += V * kLanes, sums += V * kLanes) {
    m.prefetcher->some();
    const Index stride = recomputed(m.sums_stride);
    FloatVector sum[R][V];
#pragma GCC unroll 8
    for (Index r = 0; r < R; ++r) {
      const FloatVector start = m.bias ? hn::Set(d, m.bias[r]) : hn::Zero(d);
#pragma GCC unroll 4
      for (Index v = 0; v < V; ++v) {
        float* to = sums + r * stride + v * kLanes;
        sum[r][v] = m.accumulate ? hn::LoadU(d, to) : start;
        __builtin_prefetch(to, 1);
      }
    }
    const std::int32_t* offsets = m.offsets;
    const float* w = m.w;
    for (Index s = 0; s < m.segments; ++s, offsets += m.segment_step, w += m.segment_step * R) {
      if constexpr (V > 1)
        if (m.without_first > 0) multiply_taps<R, V, 1, V>(x, offsets, w, m.without_first, sum);
      multiply_taps<R, V, 0, V>(x, offsets + m.without_first, w + m.without_first * R, m.whole,
                                sum);
      if constexpr (V > 1)
        if (m.without_last > 0) {
          const Index first = m.without_first + m.whole;
          multiply_taps<R, V, 0, V - 1>(x, offsets + first, w + first * R, m.without_last, sum);
        }
    }
#pragma GCC unroll 8
    for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (Index v = 0; v < V; ++v) hn::StoreU(sum[r][v], d, sums + r * stride + v * kLanes);
    }
  }
}

using Multiply = void (*)(const Blocks&);
inline Multiply find_multiply(Index channels, bool narrow) {
  static constexpr Multiply kernels[3][2] = {{multiply<4, kWide>, multiply<4, kNarrow>},
                                             {multiply<5, kWide>, multiply<5, kNarrow>},
                                             {multiply<6, kWide>, multiply<6, kNarrow>}};
  return kernels[channels - 4][narrow];
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::convolution::blocked
HWY_AFTER_NAMESPACE();
#endif
