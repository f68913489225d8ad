// What the matrix products share.
#if defined(TENON_KERNELS_SIMD_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_PRODUCT_INL_H_
#undef TENON_KERNELS_SIMD_PRODUCT_INL_H_
#else
#define TENON_KERNELS_SIMD_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include "tenon/kernels/simd/lanes-inl.h"
#include "tenon/kernels/simd/product_internal.h"
#include "tenon/kernels/simd/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::product {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;
using simd::HWY_NAMESPACE::keep;
inline constexpr Index kLanes = static_cast<Index>(hn::MaxLanes(Floats()));

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::product
HWY_AFTER_NAMESPACE();
#endif
