// What the maps of the blocked convolution share: registers, packed rows, transposition.
#if defined(TENON_KERNELS_SIMD_CONV2D_BLOCKED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_CONV2D_BLOCKED_INL_H_
#undef TENON_KERNELS_SIMD_CONV2D_BLOCKED_INL_H_
#else
#define TENON_KERNELS_SIMD_CONV2D_BLOCKED_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "tenon/kernels/simd/conv2d_blocked_internal.h"
#include "tenon/kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::convolution::blocked {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;
using simd::HWY_NAMESPACE::keep;
using Quad = hn::FixedTag<float, 4>;
inline constexpr Index kLanes = static_cast<Index>(hn::MaxLanes(Floats()));

HWY_INLINE void copy_floats(const float* from, float* to, Index count) {
  const Floats d;
  Index i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  for (; i < count; ++i) to[i] = from[i];
}

/// Asks for the lines of a part of memory in good time, some at each call, so that they arrive
/// during the arithmetic instead of in a burst when they are packed: `count` runs of `floats`.
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const float* start, Index count, Index stride, Index floats)
      : start_(start), left_(count), stride_(stride), floats_(floats) {}
  /// So many lines a call that `calls` calls cover everything.
  void spread_over(Index calls) {
    per_call_ = ceil_divide(left_ * ceil_divide(floats_, kLineFloats), std::max<Index>(calls, 1));
  }
  void some() {
    for (Index i = 0; i < per_call_ && left_ > 0; ++i) {
      __builtin_prefetch(start_ + at_, 0, 2);
      at_ += kLineFloats;
      if (at_ < floats_) continue;
      at_ = 0;
      start_ += stride_;
      --left_;
    }
  }

 private:
  static constexpr Index kLineFloats = 16;
  const float* start_ = nullptr;
  Index left_ = 0;  ///< runs
  Index stride_ = 0;
  Index floats_ = 0;
  Index at_ = 0;
  Index per_call_ = 0;
};

HWY_INLINE void zero_floats(float* to, Index count) {
  const Floats d;
  Index i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::Zero(d), d, to + i);
  for (; i < count; ++i) to[i] = 0;
}

/// Packs one row of the image for every channel. `x` is image 0 of channel 0.
inline void pack_row(const PackedRows& p, const float* x, Index row) {
  const Index images = p.image_count(), width = p.columns->input, stride = p.columns->stride;
  const bool contiguous = stride == 1 && images == p.batch;
  const Index x_channel = p.rows->input * width * p.batch;
  x += row * width * p.batch + p.images.begin;
  for (Index phase = 0; phase < p.phases; ++phase) {
    const Index first = p.first_column + phase;
    const auto position_of = [&](Index column) {
      return std::clamp<Index>(column <= first ? 0 : ceil_divide(column - first, stride), 0,
                               p.positions);
    };
    const Index begin = position_of(0), end = std::max(begin, position_of(width));
    const float* from = x + (first + begin * stride) * p.batch;
    float* to = p.memory + p.slot(row) * p.row_floats() + phase * p.phase_floats;
    for (Index c = 0; c < p.channels; ++c, from += x_channel, to += p.channel_floats) {
      zero_floats(to, begin * images);
      if (contiguous) {
        copy_floats(from, to + begin * images, (end - begin) * images);
      } else {
        for (Index i = begin; i < end; ++i)
          copy_floats(from + (i - begin) * stride * p.batch, to + i * images, images);
      }
      zero_floats(to + end * images, (p.positions - end) * images);
    }
  }
}

/// For the `count` input rows from `row` on, which will be packed next.
inline Prefetcher next_rows(const PackedRows& p, const float* x, Index row, Index count) {
  const Index width = p.columns->input;
  const Index begin = std::clamp<Index>(p.first_column, 0, width);
  const Index end = std::min(p.first_column + p.positions * p.columns->stride, width);
  if (row + count > p.rows->input || p.image_count() < p.batch || begin >= end) return {};
  const bool whole = begin == 0 && end == width;
  return {x + (row * width + begin) * p.batch, p.channels, p.rows->input * width * p.batch,
          (end - begin) * p.batch * (whole ? count : 1)};
}

/// store(k, v) for k = 0 to 3, where v holds element k of each of the 4 rows.
template <class Store>
HWY_INLINE void transpose_quad(const float* rows, Index row_stride, const Store& store) {
  const Quad d;
  const auto r0 = hn::LoadU(d, rows), r1 = hn::LoadU(d, rows + row_stride);
  const auto r2 = hn::LoadU(d, rows + 2 * row_stride), r3 = hn::LoadU(d, rows + 3 * row_stride);
  const auto a = hn::InterleaveLower(d, r0, r2), b = hn::InterleaveLower(d, r1, r3);
  const auto c = hn::InterleaveUpper(d, r0, r2), e = hn::InterleaveUpper(d, r1, r3);
  store(0, hn::InterleaveLower(d, a, b));
  store(1, hn::InterleaveUpper(d, a, b));
  store(2, hn::InterleaveLower(d, c, e));
  store(3, hn::InterleaveUpper(d, c, e));
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::convolution::blocked
HWY_AFTER_NAMESPACE();
#endif
