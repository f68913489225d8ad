// What average and maximum pooling share: the lanes of a pixel in whole vectors, and the windows.
#if defined(TENON_KERNELS_SIMD_POOL2D_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_POOL2D_INL_H_
#undef TENON_KERNELS_SIMD_POOL2D_INL_H_
#else
#define TENON_KERNELS_SIMD_POOL2D_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "tenon/kernels/simd/lanes-inl.h"
#include "tenon/kernels/simd/pool2d.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Index = std::int64_t;

/// Calls f(part, i) so that vectors from i on together cover `lanes`; the last may overlap the one
/// before it.
template <class D, class F>
HWY_INLINE void for_each_vector(D d, Index lanes, const F& f) {
  const auto step = static_cast<Index>(hn::Lanes(d));
  if (lanes < step) return f(FirstLanes{static_cast<std::size_t>(lanes)}, Index{0});
  for (Index i = 0;;) {
    f(AllLanes(), i);
    i += step;
    if (i >= lanes) return;
    i = std::min(i, lanes - step);
  }
}

/// The part of window o that lies in the image.
struct ClippedWindow {
  Index begin;
  Index count;

  ClippedWindow(const WindowAxis& axis, Index o) {
    const Index start = o * axis.stride - axis.before;
    begin = std::max<Index>(start, 0);
    count = std::min(start + axis.kernel, axis.input) - begin;
  }
};

/// Calls f(o, count, window o) for windows o to o + count - 1 that are clipped alike: the whole
/// ones in the middle at once.
template <class F>
HWY_INLINE void for_each_run(const WindowAxis& axis, const F& f) {
  for (Index o = 0, count = 1; o < axis.output; o += count) {
    const ClippedWindow window(axis, o);
    count = 1;
    if (window.count == axis.kernel) {
      const Index fitting = (axis.input + axis.before - axis.kernel) / axis.stride + 1;
      count = std::min(fitting, axis.output) - o;
    }
    f(o, count, window);
  }
}

/// Calls f(rows, columns) with the sizes of a window: as constants for the common 2 x 2.
template <class F>
HWY_INLINE void with_sizes(Index rows, Index columns, const F& f) {
  using Two = std::integral_constant<Index, 2>;
  if (rows == 2 && columns == 2) return f(Two(), Two());
  f(rows, columns);
}

/// The windows [begin, end) that a pixel lies in, from pixel 0 on.
class WindowWalk {
 public:
  explicit WindowWalk(const WindowAxis& axis) : axis_(axis) { catch_up(); }
  Index begin() const { return begin_; }
  Index end() const { return end_; }
  void next() {
    ++position_;
    catch_up();
  }

 private:
  void catch_up() {
    const Index padded = position_ + axis_.before;
    while (begin_ * axis_.stride + axis_.kernel <= padded) ++begin_;
    while (end_ < axis_.output && end_ * axis_.stride <= padded) ++end_;
  }
  const WindowAxis& axis_;
  Index position_ = 0, begin_ = 0, end_ = 0;
};

/// For each run of windows in the rows [begin, end) of y, none of which share a pixel: calls
/// body(row, first window, count, clipped height, clipped width of the first). What no window
/// covers becomes 0.
template <class Body>
HWY_INLINE void for_each_disjoint_run(const PoolPlanes& p, float* dx, Index begin, Index end,
                                      const Body& body) {
  const WindowAxis &height = p.geometry.height, &width = p.geometry.width;
  const auto is_tiled = [](const WindowAxis& axis) {
    return axis.before == 0 && axis.stride == axis.kernel &&
           axis.output * axis.stride == axis.input;
  };
  const bool tiled = is_tiled(height) && is_tiled(width);
  const Index x_row = width.input * p.lanes;
  for (Index row = begin; row < end; ++row) {
    const Index oh = row % height.output;
    const ClippedWindow h(height, oh);
    if (!tiled) {
      const auto band_start = [&](Index o) {
        if (o == 0) return Index{0};
        return o == height.output ? height.input : ClippedWindow(height, o).begin;
      };
      float* const plane = dx + row / height.output * height.input * x_row;
      std::fill(plane + band_start(oh) * x_row, plane + band_start(oh + 1) * x_row, 0.0f);
    }
    for_each_run(width, [&](Index ow, Index count, const ClippedWindow& w)
                            HWY_ATTR { body(row, ow, count, h, w); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
