// Walks lines of f32 with whole vectors, and the rest with one partial vector, so that the last
// elements get the same instructions, and bits, as the others.
#if defined(TENON_KERNELS_SIMD_LINE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_LINE_INL_H_
#undef TENON_KERNELS_SIMD_LINE_INL_H_
#else
#define TENON_KERNELS_SIMD_LINE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>

#include "tenon/kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;

/// y[i] = f(x[i]).
template <class F>
HWY_INLINE void map_line(F f, const float* x, float* y, std::size_t count) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(f(d, hn::LoadU(d, x + i)), d, y + i);
  if (i == count) return;
  const FirstLanes rest{count - i};
  rest.store(f(d, rest.load(d, x + i)), d, y + i);
}

/// y[i] = f(a[i], b[i]).
template <class F>
HWY_INLINE void map_lines(F f, const float* a, const float* b, float* y, std::size_t count) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(f(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  if (i == count) return;
  const FirstLanes rest{count - i};
  rest.store(f(d, rest.load(d, a + i), rest.load(d, b + i)), d, y + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
