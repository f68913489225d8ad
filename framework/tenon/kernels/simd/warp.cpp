#include "tenon/kernels/simd/warp.h"

#include <algorithm>
#include <cstdlib>

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/warp.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// kVectors vectors of one row of y: as many chains hide the latency of an addition.
template <int kVectors, class D>
HWY_INLINE void smooth_part(D d, const float* x, std::int64_t columns, const float* weights,
                            std::int64_t row, std::int64_t first, std::int64_t last, float* y) {
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<D> a = hn::Zero(d), b = a, c = a, e = a;
  for (std::int64_t other = first; other <= last; ++other) {
    const float* from = x + other * columns;
    const auto weight = hn::Set(d, weights[std::abs(other - row)]);
    a = hn::MulAdd(weight, hn::LoadU(d, from), a);
    if constexpr (kVectors > 1) {
      b = hn::MulAdd(weight, hn::LoadU(d, from + lanes), b);
      c = hn::MulAdd(weight, hn::LoadU(d, from + 2 * lanes), c);
      e = hn::MulAdd(weight, hn::LoadU(d, from + 3 * lanes), e);
    }
  }
  hn::StoreU(a, d, y);
  if constexpr (kVectors > 1) {
    hn::StoreU(b, d, y + lanes);
    hn::StoreU(c, d, y + 2 * lanes);
    hn::StoreU(e, d, y + 3 * lanes);
  }
}

void smooth_rows_at(const float* x, std::int64_t rows, std::int64_t columns, const float* weights,
                    std::int64_t reach, float* y) {
  const hn::CappedTag<float, static_cast<std::size_t>(kSmoothedTogether)> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t row = 0; row < rows; ++row, y += columns) {
    const std::int64_t first = std::max<std::int64_t>(0, row - reach),
                       last = std::min(rows - 1, row + reach);
    std::int64_t i = 0;
    for (; i + 4 * lanes <= columns; i += 4 * lanes)
      smooth_part<4>(d, x + i, columns, weights, row, first, last, y + i);
    for (; i < columns; i += lanes)
      smooth_part<1>(d, x + i, columns, weights, row, first, last, y + i);
  }
}

/// `at` within [-1, size]; NaN is -1.
HWY_INLINE FloatVector within(Floats d, FloatVector at, float size) {
  const FloatVector before = hn::Set(d, -1.0f);
  return hn::Min(hn::Max(hn::IfThenElse(hn::IsNaN(at), before, at), before), hn::Set(d, size));
}

void sample_bilinear_at(const float* bordered, std::int64_t height, std::int64_t width,
                        const float* y, const float* x, std::int64_t count, float* to) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const FloatVector one = hn::Set(d, 1.0f);
  const auto h = static_cast<float>(height), w = static_cast<float>(width);
  const auto stride = static_cast<std::int32_t>(width + 2);
  const auto sample = [&](auto lanes, std::int64_t i) HWY_ATTR {
    const FloatVector row = within(d, lanes.load(d, y + i), h),
                      column = within(d, lanes.load(d, x + i), w);
    // At the far border itself the fraction is 1, so that there always is a next pixel.
    const FloatVector top = hn::Min(hn::Floor(row), hn::Set(d, h - 1)),
                      left = hn::Min(hn::Floor(column), hn::Set(d, w - 1));
    const FloatVector lower = hn::Sub(row, top), right = hn::Sub(column, left);
    const FloatVector upper = hn::Sub(one, lower), nearer = hn::Sub(one, right);
    const auto index = hn::Add(hn::Mul(hn::ConvertTo(di, hn::Add(top, one)), hn::Set(di, stride)),
                               hn::ConvertTo(di, hn::Add(left, one)));
    const FloatVector a = hn::GatherIndex(d, bordered, index),
                      b = hn::GatherIndex(d, bordered + 1, index),
                      c = hn::GatherIndex(d, bordered + stride, index),
                      e = hn::GatherIndex(d, bordered + stride + 1, index);
    const FloatVector above = hn::MulAdd(right, b, hn::Mul(nearer, a)),
                      below = hn::MulAdd(right, e, hn::Mul(nearer, c));
    lanes.store(hn::MulAdd(lower, below, hn::Mul(upper, above)), d, to + i);
  };
  const auto all = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + all <= count; i += all) sample(AllLanes{}, i);
  if (i < count) sample(FirstLanes{static_cast<std::size_t>(count - i)}, i);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(smooth_rows_at);

void smooth_rows(const float* x, std::int64_t rows, std::int64_t columns, const float* weights,
                 std::int64_t reach, float* y) {
  HWY_DYNAMIC_DISPATCH(smooth_rows_at)(x, rows, columns, weights, reach, y);
}

HWY_EXPORT(sample_bilinear_at);

void sample_bilinear(const float* bordered, std::int64_t height, std::int64_t width, const float* y,
                     const float* x, std::int64_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(sample_bilinear_at)(bordered, height, width, y, x, count, to);
}

}  // namespace tenon::kernels::simd
#endif
