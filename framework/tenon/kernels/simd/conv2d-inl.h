// What the maps of the convolution share: registers and packed rows.
#if defined(TENON_KERNELS_SIMD_CONV2D_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_CONV2D_INL_H_
#undef TENON_KERNELS_SIMD_CONV2D_INL_H_
#else
#define TENON_KERNELS_SIMD_CONV2D_INL_H_
#endif

#include <hwy/highway.h>

#include <cstring>

#include "tenon/kernels/simd/conv2d_internal.h"
#include "tenon/kernels/simd/line-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::convolution::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;
using simd::HWY_NAMESPACE::AllLanes;
using simd::HWY_NAMESPACE::FirstLanes;
using simd::HWY_NAMESPACE::keep;
inline constexpr Index kLanes = static_cast<Index>(hn::MaxLanes(Floats()));
/// Sums that fit into the registers, beside what is multiplied.
inline constexpr Index kSums = HWY_TARGET == HWY_AVX3 ? 24 : 12;

/// sums[r][v] += a(r) b(v): the smaller side stays in registers, the other passes through one.
template <class Vector, Index R, Index V, class A, class B>
HWY_INLINE void add_products(Vector (&sums)[R][V], const A& a, const B& b) {
  if constexpr (R < V) {
    Vector as[R];
#pragma GCC unroll 9
    for (Index r = 0; r < R; ++r) as[r] = keep(a(r));
#pragma GCC unroll 9
    for (Index v = 0; v < V; ++v) {
      const Vector one = keep(b(v));
#pragma GCC unroll 9
      for (Index r = 0; r < R; ++r) sums[r][v] = hn::MulAdd(as[r], one, sums[r][v]);
    }
  } else {
    Vector bs[V];
#pragma GCC unroll 9
    for (Index v = 0; v < V; ++v) bs[v] = keep(b(v));
#pragma GCC unroll 9
    for (Index r = 0; r < R; ++r) {
      const Vector one = keep(a(r));
#pragma GCC unroll 9
      for (Index v = 0; v < V; ++v) sums[r][v] = hn::MulAdd(one, bs[v], sums[r][v]);
    }
  }
}

/// Packs the input rows [begin, end) of some channels as [channel][row][phase][position][image];
/// `x` is row 0 of the first channel.
inline void pack_rows(const GatherAxis& rows, const GatherAxis& columns, const RowLayout& layout,
                      Index batch, Index channels, IndexRange range, const float* x, float* to) {
  const Index stride = columns.stride;
  const auto bytes = [](Index floats) { return static_cast<std::size_t>(floats) * sizeof(float); };
  for (Index c = 0; c < channels; ++c, x += rows.input * columns.input * batch) {
    for (Index row = range.begin; row < range.end; ++row) {
      if (row < 0 || row >= rows.input) {
        std::memset(to, 0, bytes(layout.row_floats));
        to += layout.row_floats;
        continue;
      }
      for (Index phase = 0; phase < layout.phases; ++phase, to += layout.positions * batch) {
        const Index first = columns.lowest() + phase;
        const auto position_of = [&](Index column) {
          return std::clamp<Index>(column <= first ? 0 : ceil_divide(column - first, stride), 0,
                                   layout.positions);
        };
        const Index begin = position_of(0), end = std::max(begin, position_of(columns.input));
        const float* from = x + (row * columns.input + first + begin * stride) * batch;
        std::memset(to, 0, bytes(begin * batch));
        if (stride == 1) {
          if (end > begin) std::memcpy(to + begin * batch, from, bytes((end - begin) * batch));
        } else {
          for (Index i = begin; i < end; ++i, from += stride * batch)
            std::memcpy(to + i * batch, from, bytes(batch));
        }
        std::memset(to + end * batch, 0, bytes((layout.positions - end) * batch));
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::convolution::direct
HWY_AFTER_NAMESPACE();
#endif
