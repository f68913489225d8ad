#include "tenon/kernels/simd/pool2d.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/pool2d_average.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/pool2d-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

/// How many pixels of this axis the average of a window is divided by. As PyTorch: what reaches
/// over the padding does not count.
class Share {
 public:
  Share(const WindowAxis& axis, bool count_include_pad)
      : axis_(axis),
        count_include_pad_(count_include_pad),
        whole_reciprocal_(1.0 / static_cast<double>(axis.kernel)) {}

  Index of(Index o) const {
    if (!count_include_pad_) return ClippedWindow(axis_, o).count;
    const Index begin = o * axis_.stride - axis_.before;
    return std::min(begin + axis_.kernel, axis_.input + axis_.after) - begin;
  }
  double reciprocal(Index o) const {
    const Index share = of(o);
    return share == axis_.kernel ? whole_reciprocal_ : 1.0 / static_cast<double>(share);
  }

 private:
  const WindowAxis& axis_;
  bool count_include_pad_;
  double whole_reciprocal_;
};

void average_rows(const PoolPlanes& p, const float* x, float* y, Index begin, Index end) {
  const Floats d;
  const WindowAxis &height = p.geometry.height, &width = p.geometry.width;
  const Share share_h(height, p.geometry.count_include_pad);
  const Share share_w(width, p.geometry.count_include_pad);
  const Index pixel = p.lanes, x_row = width.input * pixel;
  for (Index row = begin; row < end; ++row) {
    const Index oh = row % height.output;
    const ClippedWindow h(height, oh);
    const float* const x_window_row = x + (row / height.output * height.input + h.begin) * x_row;
    for_each_run(width, [&](Index ow, Index count, const ClippedWindow& w) HWY_ATTR {
      const auto scale =
          hn::Set(d, static_cast<float>(1 / static_cast<double>(share_h.of(oh) * share_w.of(ow))));
      with_sizes(h.count, w.count, [&](auto rows, auto columns) HWY_ATTR {
        const float* window = x_window_row + w.begin * pixel;
        float* to = y + (row * width.output + ow) * pixel;
        for (Index o = 0; o < count; ++o, window += width.stride * pixel, to += pixel)
          for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
            auto sum = hn::Zero(d);
            for (Index kw = 0; kw < columns; ++kw) {
              const float* from = window + kw * pixel + i;
              auto column = hn::Zero(d);
              for (Index kh = 0; kh < rows; ++kh, from += x_row)
                column = hn::Add(column, part.load(d, from));
              sum = hn::Add(sum, column);
            }
            part.store(hn::Mul(sum, scale), d, to + i);
          });
      });
    });
  }
}

void spread_disjoint(const PoolPlanes& p, const float* dy, float* dx, Index begin, Index end) {
  const Floats d;
  const WindowAxis &height = p.geometry.height, &width = p.geometry.width;
  const Index pixel = p.lanes, x_row = width.input * pixel;
  const Share share_h(height, p.geometry.count_include_pad);
  const Share share_w(width, p.geometry.count_include_pad);
  for_each_disjoint_run(
      p, dx, begin, end,
      [&](Index row, Index ow, Index count, const ClippedWindow& h, const ClippedWindow& w)
          HWY_ATTR {
            const Index plane = row / height.output, oh = row % height.output;
            const auto share =
                hn::Set(d, static_cast<float>(share_h.reciprocal(oh) * share_w.reciprocal(ow)));
            with_sizes(h.count, w.count, [&](auto rows, auto columns) HWY_ATTR {
              const float* from = dy + (row * width.output + ow) * pixel;
              float* to = dx + (plane * height.input + h.begin) * x_row + w.begin * pixel;
              for (Index o = 0; o < count; ++o, from += pixel, to += width.stride * pixel)
                for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
                  const auto gradient = hn::Mul(part.load(d, from + i), share);
                  for (Index kh = 0; kh < rows; ++kh)
                    for (Index kw = 0; kw < columns; ++kw)
                      part.store(gradient, d, to + kh * x_row + kw * pixel + i);
                });
            });
          });
}

/// Each pixel gathers from the windows that it lies in.
void spread_overlapping(const PoolPlanes& p, const float* dy, float* dx, Index begin, Index end) {
  const Floats d;
  const WindowAxis &height = p.geometry.height, &width = p.geometry.width;
  const Share share_h(height, p.geometry.count_include_pad);
  const Share share_w(width, p.geometry.count_include_pad);
  const Index pixel = p.lanes, y_row = width.output * pixel;
  for (Index row = begin; row < end; ++row) {
    const IndexRange rows = height.windows(row % height.input);
    const float* const y_plane = dy + row / height.input * height.output * y_row;
    WindowWalk columns(width);
    for (Index w = 0; w < width.input; ++w, columns.next()) {
      float* const to = dx + (row * width.input + w) * pixel;
      const Index ow_begin = columns.begin(), ow_end = columns.end();
      if (rows.end - rows.begin == 1 && ow_end - ow_begin == 1) {
        const float* const from = y_plane + rows.begin * y_row + ow_begin * pixel;
        const auto share = hn::Set(
            d, static_cast<float>(share_h.reciprocal(rows.begin) * share_w.reciprocal(ow_begin)));
        for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
          part.store(hn::Mul(part.load(d, from + i), share), d, to + i);
        });
        continue;
      }
      for_each_vector(d, pixel, [&](const auto& part, Index i) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (Index oh = rows.begin; oh < rows.end; ++oh)
          for (Index ow = ow_begin; ow < ow_end; ++ow) {
            const auto share =
                hn::Set(d, static_cast<float>(share_h.reciprocal(oh) * share_w.reciprocal(ow)));
            // Not fused, as in the plain loops.
            sum = hn::Add(sum, hn::Mul(part.load(d, y_plane + oh * y_row + ow * pixel + i), share));
          }
        part.store(sum, d, to + i);
      });
    }
  }
}

void spread_rows(const PoolPlanes& p, const float* dy, float* dx, Index begin, Index end) {
  if (p.is_disjoint())
    spread_disjoint(p, dy, dx, begin, end);
  else
    spread_overlapping(p, dy, dx, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(average_rows);
HWY_EXPORT(spread_rows);

void avg_pool2d(const PoolPlanes& planes, const float* x, float* y, std::int64_t begin,
                std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(average_rows)(planes, x, y, begin, end);
}
void avg_pool2d_gradient(const PoolPlanes& planes, const float* dy, float* dx, std::int64_t begin,
                         std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(spread_rows)(planes, dy, dx, begin, end);
}

}  // namespace tenon::kernels::simd
#endif
