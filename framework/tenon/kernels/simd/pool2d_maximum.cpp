#include "tenon/kernels/simd/pool2d.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/pool2d_maximum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/pool2d-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using Places = hn::RebindToSigned<Floats>;

template <bool kWantPlaces>
void maximum(const PoolPlanes& p, const float* x, float* y, std::int32_t* places, Index begin,
             Index end) {
  const Floats d;
  const Places di;
  const WindowAxis &height = p.geometry.height, &width = p.geometry.width;
  const Index pixel = p.lanes, x_row = width.input * pixel;
  for (Index row = begin; row < end; ++row) {
    const ClippedWindow h(height, row % height.output);
    const float* const x_window_row = x + (row / height.output * height.input + h.begin) * x_row;
    for_each_run(width, [&](Index ow, Index count, const ClippedWindow& w) HWY_ATTR {
      with_sizes(h.count, w.count, [&](auto rows, auto columns) HWY_ATTR {
        const float* window = x_window_row + w.begin * pixel;
        Index to = (row * width.output + ow) * pixel;
        Index first = h.begin * width.input + w.begin;
        for (Index o = 0; o < count;
             ++o, window += width.stride * pixel, to += pixel, first += width.stride)
          for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
            auto best = part.load(d, window + i);
            auto place = hn::Set(di, static_cast<std::int32_t>(first));
            for (Index kh = 0; kh < rows; ++kh)
              for (Index kw = kh == 0 ? 1 : 0; kw < columns; ++kw) {
                const auto value = part.load(d, window + kh * x_row + kw * pixel + i);
                // A NaN wins once: nothing is greater, and the first one stays.
                const auto wins = hn::AndNot(hn::Le(value, best), hn::Eq(best, best));
                best = hn::IfThenElse(wins, value, best);
                if constexpr (kWantPlaces) {
                  const Index here = first + kh * width.input + kw;
                  place = hn::IfThenElse(hn::RebindMask(di, wins),
                                         hn::Set(di, static_cast<std::int32_t>(here)), place);
                }
              }
            part.store(best, d, y + to + i);
            if constexpr (kWantPlaces) part.store(place, di, places + to + i);
          });
      });
    });
  }
}

void maximum_rows(const PoolPlanes& p, const float* x, float* y, std::int32_t* places, Index begin,
                  Index end) {
  if (places)
    maximum<true>(p, x, y, places, begin, end);
  else
    maximum<false>(p, x, y, places, begin, end);
}

void scatter_disjoint(const PoolPlanes& p, const float* dy, const std::int32_t* places, float* dx,
                      Index begin, Index end) {
  const Floats d;
  const Places di;
  const WindowAxis &height = p.geometry.height, &width = p.geometry.width;
  const Index pixel = p.lanes, x_row = width.input * pixel;
  for_each_disjoint_run(
      p, dx, begin, end,
      [&](Index row, Index ow, Index count, const ClippedWindow& h, const ClippedWindow& w)
          HWY_ATTR {
            const Index plane = row / height.output;
            with_sizes(h.count, w.count, [&](auto rows, auto columns) HWY_ATTR {
              Index from = (row * width.output + ow) * pixel;
              float* to = dx + (plane * height.input + h.begin) * x_row + w.begin * pixel;
              Index first = h.begin * width.input + w.begin;
              for (Index o = 0; o < count;
                   ++o, from += pixel, to += width.stride * pixel, first += width.stride)
                for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
                  const auto gradient = part.load(d, dy + from + i);
                  const auto place = part.load(di, places + from + i);
                  for (Index kh = 0; kh < rows; ++kh)
                    for (Index kw = 0; kw < columns; ++kw) {
                      const Index here = first + kh * width.input + kw;
                      const auto wins = hn::Eq(place, hn::Set(di, static_cast<std::int32_t>(here)));
                      part.store(hn::IfThenElseZero(hn::RebindMask(d, wins), gradient), d,
                                 to + kh * x_row + kw * pixel + i);
                    }
                });
            });
          });
}

/// Each pixel gathers from the windows that it lies in, where it was the maximum.
void scatter_overlapping(const PoolPlanes& p, const float* dy, const std::int32_t* places,
                         float* dx, Index begin, Index end) {
  const Floats d;
  const Places di;
  const WindowAxis &height = p.geometry.height, &width = p.geometry.width;
  const Index pixel = p.lanes, y_row = width.output * pixel;
  for (Index row = begin; row < end; ++row) {
    const Index h = row % height.input;
    const IndexRange rows = height.windows(h);
    const Index y_plane = row / height.input * height.output * y_row;
    WindowWalk columns(width);
    for (Index w = 0; w < width.input; ++w, columns.next()) {
      const auto here = static_cast<std::int32_t>(h * width.input + w);
      float* const to = dx + (row * width.input + w) * pixel;
      const Index from = y_plane + rows.begin * y_row + columns.begin() * pixel;
      const Index row_count = rows.end - rows.begin, count = columns.end() - columns.begin();
      if (row_count == 1 && count == 1) {
        for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
          const auto wins = hn::Eq(part.load(di, places + from + i), hn::Set(di, here));
          part.store(hn::IfThenElseZero(hn::RebindMask(d, wins), part.load(d, dy + from + i)), d,
                     to + i);
        });
        continue;
      }
      for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (Index r = 0; r < row_count; ++r)
          for (Index c = 0; c < count; ++c) {
            const Index at = from + r * y_row + c * pixel + i;
            const auto wins = hn::Eq(part.load(di, places + at), hn::Set(di, here));
            sum = hn::Add(sum, hn::IfThenElseZero(hn::RebindMask(d, wins), part.load(d, dy + at)));
          }
        part.store(sum, d, to + i);
      });
    }
  }
}

void scatter_rows(const PoolPlanes& p, const float* dy, const std::int32_t* places, float* dx,
                  Index begin, Index end) {
  if (p.is_disjoint())
    scatter_disjoint(p, dy, places, dx, begin, end);
  else
    scatter_overlapping(p, dy, places, dx, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(maximum_rows);
HWY_EXPORT(scatter_rows);

void max_pool2d(const PoolPlanes& planes, const float* x, float* y, std::int32_t* places,
                std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(maximum_rows)(planes, x, y, places, begin, end);
}
void max_pool2d_scatter(const PoolPlanes& planes, const float* dy, const std::int32_t* places,
                        float* dx, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(scatter_rows)(planes, dy, places, dx, begin, end);
}

}  // namespace tenon::kernels::simd
#endif
