// Vectors: whole and partial ones behind one interface, and how to keep one in a register.
#if defined(TENON_KERNELS_SIMD_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_LANES_INL_H_
#undef TENON_KERNELS_SIMD_LANES_INL_H_
#else
#define TENON_KERNELS_SIMD_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Whole vectors.
struct AllLanes {
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const hn::TFromD<D>* from) const {
    return hn::LoadU(d, from);
  }
  template <class D>
  HWY_INLINE void store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    hn::StoreU(v, d, to);
  }
};

/// The first `count` lanes: reads and writes no others. The others are 0.
struct FirstLanes {
  std::size_t count;

  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const hn::TFromD<D>* from) const {
#if HWY_TARGET == HWY_AVX2 || !HWY_MEM_OPS_MIGHT_FAULT  // AVX2's masked load does not fault
    return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
    HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(D())] = {};
    std::memcpy(lanes, from, count * sizeof(lanes[0]));
    return hn::Load(d, lanes);
#endif
  }
  template <class D>
  HWY_INLINE void store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
#if HWY_TARGET <= HWY_AVX3
    hn::BlendedStore(v, hn::FirstN(d, count), d, to);
#else  // AVX2's masked stores are slow on some machines
    HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(D())];
    hn::Store(v, d, lanes);
    for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
#endif
  }
};

/// Pins a value to a register: g++ 12 otherwise folds one load into several multiply-adds.
template <class V>
HWY_INLINE V keep(V v) {
#if HWY_ARCH_X86
  asm("" : "+v"(v.raw));
#endif
  return v;
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
