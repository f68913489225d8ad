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
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;

/// The first `count` lanes from memory, the others zero; reads no further.
HWY_INLINE FloatVector load_first(Floats d, const float* x, std::size_t count) {
#if HWY_TARGET == HWY_AVX2 || !HWY_MEM_OPS_MIGHT_FAULT  // AVX2's masked load of f32 does not fault
  return hn::MaskedLoad(hn::FirstN(d, count), d, x);
#else
  HWY_ALIGN float lanes[hn::MaxLanes(Floats())] = {};
  std::memcpy(lanes, x, count * sizeof(float));
  return hn::Load(d, lanes);
#endif
}

/// Writes the first `count` lanes and nothing else.
HWY_INLINE void store_first(FloatVector v, Floats d, float* y, std::size_t count) {
#if HWY_TARGET == HWY_AVX2 || !HWY_MEM_OPS_MIGHT_FAULT
  hn::BlendedStore(v, hn::FirstN(d, count), d, y);
#else
  HWY_ALIGN float lanes[hn::MaxLanes(Floats())];
  hn::Store(v, d, lanes);
  std::memcpy(y, lanes, count * sizeof(float));
#endif
}

/// y[i] = f(x[i]).
template <class F>
HWY_INLINE void map_line(F f, const float* x, float* y, std::size_t count) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(f(d, hn::LoadU(d, x + i)), d, y + i);
  if (i < count) store_first(f(d, load_first(d, x + i, count - i)), d, y + i, count - i);
}

/// y[i] = f(a[i], b[i]).
template <class F>
HWY_INLINE void map_lines(F f, const float* a, const float* b, float* y, std::size_t count) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(f(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  if (i < count)
    store_first(f(d, load_first(d, a + i, count - i), load_first(d, b + i, count - i)), d, y + i,
                count - i);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
