#include "tenon/kernels/reference/pool2d.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"

namespace tenon::kernels::reference {
namespace {

constexpr std::int64_t kLaneBlock =
    64;  // accumulators that fit into the first-level cache many times over

/// How the two axes that pooling leaves alone are walked: planes outside, lanes innermost.
enum class LaneAxis { none, channels, batch };

LaneAxis lane_axis_of(const Tensor& output) {
  const Shape& shape = output.shape();
  if (shape[1] > 1 && output.strides()[1] == 1) return LaneAxis::channels;
  if (shape[0] > 1 && output.strides()[0] == 1) return LaneAxis::batch;
  return LaneAxis::none;
}

/// The strides of one tensor in that walk.
struct Walk {
  std::int64_t inner_planes, outer, inner, lane, height, width;

  Walk(const Tensor& x, LaneAxis axis)
      : inner_planes(axis == LaneAxis::channels ? 1 : x.shape()[1]),
        outer(axis == LaneAxis::batch ? 0 : x.strides()[0]),
        inner(axis == LaneAxis::channels ? 0 : x.strides()[1]),
        lane(axis == LaneAxis::channels ? x.strides()[1]
             : axis == LaneAxis::batch  ? x.strides()[0]
                                        : 0),
        height(x.strides()[2]),
        width(x.strides()[3]) {}
  std::int64_t plane(std::int64_t p) const {
    return p / inner_planes * outer + p % inner_planes * inner;
  }
};

/// Calls body(plane, row, first lane, lanes) for each row of `output`, at most kLaneBlock lanes at
/// a time, in parallel.
template <class Body>
void for_each_row(const Tensor& output, LaneAxis axis, double reads_per_element, const Body& body) {
  const Shape& shape = output.shape();
  const std::int64_t lanes = axis == LaneAxis::channels ? shape[1]
                             : axis == LaneAxis::batch  ? shape[0]
                                                        : 1;
  if (output.numel() == 0) return;
  const std::int64_t rows = shape[0] * shape[1] / lanes * shape[2];
  // A read takes about a nanosecond, in lanes a third of it.
  const double row_time =
      static_cast<double>(shape[3] * lanes) * reads_per_element * (lanes < 4 ? 1.0 : 0.3) + 1;
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(20000 / row_time));
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t lane = 0; lane < lanes; lane += kLaneBlock)
        body(row / shape[2], row % shape[2], lane, std::min(kLaneBlock, lanes - lane));
  });
}

double taps_of(const PoolGeometry& g) {
  return static_cast<double>(g.height.kernel * g.width.kernel);
}
/// The windows that a pixel lies in, on average.
double windows_of(const PoolGeometry& g) {
  return taps_of(g) / static_cast<double>(g.height.stride * g.width.stride) + 1;
}

/// f(i, i stride_a, i stride_b) for i in [0, count); compiled once more for both strides being 1,
/// as they mostly are.
template <class F>
void for_lanes(std::int64_t count, bool is_unit, std::int64_t stride_a, std::int64_t stride_b,
               F f) {
  if (is_unit) {
    for (std::int64_t i = 0; i < count; ++i) f(i, i, i);
  } else {
    for (std::int64_t i = 0; i < count; ++i) f(i, i * stride_a, i * stride_b);
  }
}

template <class T>
void store_lanes(T* y, std::int64_t stride, const T* sums, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i * stride] = sums[i];
}

/// How many pixels of this axis the average of window o is divided by. As PyTorch: what reaches
/// over the padding does not count.
double share_of(const WindowAxis& axis, std::int64_t o, bool count_include_pad) {
  const std::int64_t begin = o * axis.stride - axis.before;
  if (count_include_pad)
    return static_cast<double>(std::min(begin + axis.kernel, axis.input + axis.after) - begin);
  const IndexRange taps = axis.taps(o);
  return static_cast<double>(taps.end - taps.begin);
}
std::vector<double> reciprocal_shares_of(const WindowAxis& axis, bool count_include_pad) {
  std::vector<double> shares(static_cast<std::size_t>(axis.output));
  for (std::int64_t o = 0; o < axis.output; ++o)
    shares[static_cast<std::size_t>(o)] = 1 / share_of(axis, o, count_include_pad);
  return shares;
}

template <class T>
void average(const PoolGeometry& g, const Tensor& x, Tensor& y) {
  const LaneAxis axis = lane_axis_of(y);
  const Walk xw(x, axis), yw(y, axis);
  const T* const xs = elements<T>(x);
  T* const ys = fresh_elements<T>(y);
  for_each_row(
      y, axis, taps_of(g),
      [&](std::int64_t plane, std::int64_t oh, std::int64_t lane, std::int64_t lanes) {
        const IndexRange kh_range = g.height.taps(oh);
        const double share_h = share_of(g.height, oh, g.count_include_pad);
        for (std::int64_t ow = 0; ow < g.width.output; ++ow) {
          const IndexRange kw_range = g.width.taps(ow);
          T sums[kLaneBlock];
          std::fill_n(sums, lanes, T(0));
          for (std::int64_t kw = kw_range.begin; kw < kw_range.end; ++kw) {
            T column[kLaneBlock];
            std::fill_n(column, lanes, T(0));
            const T* from = xs + xw.plane(plane) +
                            g.height.position(oh, kh_range.begin) * xw.height + lane * xw.lane +
                            g.width.position(ow, kw) * xw.width;
            for (std::int64_t kh = kh_range.begin; kh < kh_range.end; ++kh, from += xw.height)
              for_lanes(
                  lanes, xw.lane == 1, xw.lane, 0,
                  [&](std::int64_t i, std::int64_t at, std::int64_t) { column[i] += from[at]; });
            for (std::int64_t i = 0; i < lanes; ++i) sums[i] += column[i];
          }
          const auto scale =
              static_cast<T>(1 / (share_h * share_of(g.width, ow, g.count_include_pad)));
          T* const to = ys + yw.plane(plane) + oh * yw.height + ow * yw.width + lane * yw.lane;
          for_lanes(
              lanes, yw.lane == 1, yw.lane, 0,
              [&](std::int64_t i, std::int64_t at, std::int64_t) { to[at] = sums[i] * scale; });
        }
      });
}

/// The windows of a pixel.
struct Windows {
  IndexRange height, width;
  bool is_one() const { return height.end - height.begin == 1 && width.end - width.begin == 1; }
};

/// Each pixel gathers from the windows that it lies in; mostly there is one, and nothing to sum.
template <class T>
void average_gradient(const PoolGeometry& g, const Tensor& dy, Tensor& dx) {
  const LaneAxis axis = lane_axis_of(dx);
  const Walk xw(dx, axis), yw(dy, axis);
  const bool is_unit = xw.lane == 1 && yw.lane == 1;
  const T* const dys = elements<T>(dy);
  T* const dxs = fresh_elements<T>(dx);
  const std::vector<double> shares_h = reciprocal_shares_of(g.height, g.count_include_pad);
  const std::vector<double> shares_w = reciprocal_shares_of(g.width, g.count_include_pad);
  for_each_row(dx, axis, windows_of(g),
               [&](std::int64_t plane, std::int64_t h, std::int64_t lane, std::int64_t lanes) {
                 const T* const from_plane = dys + yw.plane(plane) + lane * yw.lane;
                 T* const to_row = dxs + xw.plane(plane) + h * xw.height + lane * xw.lane;
                 for (std::int64_t w = 0; w < g.width.input; ++w) {
                   const Windows windows{g.height.windows(h), g.width.windows(w)};
                   T* const to = to_row + w * xw.width;
                   const auto share_of_window = [&](std::int64_t oh, std::int64_t ow) {
                     return shares_h[static_cast<std::size_t>(oh)] *
                            shares_w[static_cast<std::size_t>(ow)];
                   };
                   if (windows.is_one()) {
                     const std::int64_t oh = windows.height.begin, ow = windows.width.begin;
                     const T* const from = from_plane + oh * yw.height + ow * yw.width;
                     const T share = static_cast<T>(share_of_window(oh, ow));
                     for_lanes(lanes, is_unit, xw.lane, yw.lane,
                               [&](std::int64_t, std::int64_t at, std::int64_t y_at) {
                                 to[at] = from[y_at] * share;
                               });
                     continue;
                   }
                   T sums[kLaneBlock];
                   std::fill_n(sums, lanes, T(0));
                   for (std::int64_t oh = windows.height.begin; oh < windows.height.end; ++oh)
                     for (std::int64_t ow = windows.width.begin; ow < windows.width.end; ++ow) {
                       const T* const from = from_plane + oh * yw.height + ow * yw.width;
                       const auto share = static_cast<T>(share_of_window(oh, ow));
                       for_lanes(lanes, is_unit, 0, yw.lane,
                                 [&](std::int64_t i, std::int64_t, std::int64_t y_at) {
                                   sums[i] += from[y_at] * share;
                                 });
                     }
                   store_lanes(to, xw.lane, sums, lanes);
                 }
               });
}

/// Keeps the larger of best[i] and x[i], and its place. A NaN wins once: nothing is greater, and
/// the first one stays.
template <class T>
void take_larger(std::int64_t i, T value, std::int32_t here, T* best, std::int32_t* place) {
  const bool wins =
      (value > best[i]) | ((value != value) & (best[i] == best[i]));  // no branch: this vectorises
  best[i] = wins ? value : best[i];
  place[i] = wins ? here : place[i];
}

template <class T>
void maximum(const PoolGeometry& g, const Tensor& x, Tensor& y, Tensor& indices) {
  const LaneAxis axis = lane_axis_of(y);
  const Walk xw(x, axis), yw(y, axis);
  const T* const xs = elements<T>(x);
  T* const ys = fresh_elements<T>(y);
  std::int32_t* const places = indices.defined() ? fresh_elements<std::int32_t>(indices) : nullptr;
  for_each_row(y, axis, taps_of(g),
               [&](std::int64_t plane, std::int64_t oh, std::int64_t lane, std::int64_t lanes) {
                 const IndexRange kh_range = g.height.taps(oh);
                 for (std::int64_t ow = 0; ow < g.width.output; ++ow) {
                   const IndexRange kw_range = g.width.taps(ow);
                   T best[kLaneBlock];
                   std::int32_t place[kLaneBlock];
                   const std::int64_t top = g.height.position(oh, kh_range.begin),
                                      left = g.width.position(ow, kw_range.begin);
                   std::fill_n(best, lanes, -std::numeric_limits<T>::infinity());
                   std::fill_n(place, lanes, static_cast<std::int32_t>(top * g.width.input + left));
                   for (std::int64_t kh = kh_range.begin; kh < kh_range.end; ++kh) {
                     const std::int64_t row = g.height.position(oh, kh);
                     const T* from =
                         xs + xw.plane(plane) + row * xw.height + left * xw.width + lane * xw.lane;
                     auto here = static_cast<std::int32_t>(row * g.width.input + left);
                     for (std::int64_t kw = kw_range.begin; kw < kw_range.end;
                          ++kw, from += xw.width, ++here)
                       for_lanes(lanes, xw.lane == 1, xw.lane, 0,
                                 [&](std::int64_t i, std::int64_t at, std::int64_t) {
                                   take_larger(i, from[at], here, best, place);
                                 });
                   }
                   const std::int64_t to =
                       yw.plane(plane) + oh * yw.height + ow * yw.width + lane * yw.lane;
                   for (std::int64_t i = 0; i < lanes; ++i) ys[to + i * yw.lane] = best[i];
                   if (places)
                     for (std::int64_t i = 0; i < lanes; ++i) places[to + i * yw.lane] = place[i];
                 }
               });
}

/// Each pixel gathers from the windows that it lies in, where it was the maximum.
template <class T>
void maximum_scatter(const PoolGeometry& g, const Tensor& dy, const Tensor& indices, Tensor& dx) {
  const LaneAxis axis = lane_axis_of(dx);
  const Walk xw(dx, axis), yw(dy, axis), iw(indices, axis);
  const bool is_unit = xw.lane == 1 && yw.lane == 1 && iw.lane == 1;
  const T* const dys = elements<T>(dy);
  const std::int32_t* const places = elements<std::int32_t>(indices);
  T* const dxs = fresh_elements<T>(dx);
  for_each_row(dx, axis, windows_of(g),
               [&](std::int64_t plane, std::int64_t h, std::int64_t lane, std::int64_t lanes) {
                 const T* const from_plane = dys + yw.plane(plane) + lane * yw.lane;
                 const std::int32_t* const place_plane = places + iw.plane(plane) + lane * iw.lane;
                 T* const to_row = dxs + xw.plane(plane) + h * xw.height + lane * xw.lane;
                 for (std::int64_t w = 0; w < g.width.input; ++w) {
                   const Windows windows{g.height.windows(h), g.width.windows(w)};
                   const auto here = static_cast<std::int32_t>(h * g.width.input + w);
                   T* const to = to_row + w * xw.width;
                   if (windows.is_one() && (is_unit || lanes == 1)) {
                     const std::int64_t oh = windows.height.begin, ow = windows.width.begin;
                     const T* const from = from_plane + oh * yw.height + ow * yw.width;
                     const std::int32_t* const place = place_plane + oh * iw.height + ow * iw.width;
                     for (std::int64_t i = 0; i < lanes; ++i) {
                       const T value = from[i];  // read in any case: this vectorises
                       to[i] = place[i] == here ? value : T(0);
                     }
                     continue;
                   }
                   T sums[kLaneBlock];
                   std::fill_n(sums, lanes, T(0));
                   for (std::int64_t oh = windows.height.begin; oh < windows.height.end; ++oh)
                     for (std::int64_t ow = windows.width.begin; ow < windows.width.end; ++ow) {
                       const T* const from = from_plane + oh * yw.height + ow * yw.width;
                       const std::int32_t* const place =
                           place_plane + oh * iw.height + ow * iw.width;
                       for_lanes(lanes, is_unit, yw.lane, iw.lane,
                                 [&](std::int64_t i, std::int64_t y_at, std::int64_t place_at) {
                                   const T value = from[y_at];
                                   sums[i] += place[place_at] == here ? value : T(0);
                                 });
                     }
                   store_lanes(to, xw.lane, sums, lanes);
                 }
               });
}

template <class T>
void maximum_gather(const PoolGeometry& g, const Tensor& x, const Tensor& indices, Tensor& y) {
  const LaneAxis axis = lane_axis_of(y);
  const Walk xw(x, axis), yw(y, axis), iw(indices, axis);
  const T* const xs = elements<T>(x);
  const std::int32_t* const places = elements<std::int32_t>(indices);
  T* const ys = fresh_elements<T>(y);
  for_each_row(y, axis, 4,
               [&](std::int64_t plane, std::int64_t oh, std::int64_t lane, std::int64_t lanes) {
                 for (std::int64_t ow = 0; ow < g.width.output; ++ow)
                   for (std::int64_t i = lane; i < lane + lanes; ++i) {
                     const std::int32_t place =
                         places[iw.plane(plane) + oh * iw.height + ow * iw.width + i * iw.lane];
                     ys[yw.plane(plane) + oh * yw.height + ow * yw.width + i * yw.lane] =
                         xs[xw.plane(plane) + place / g.width.input * xw.height +
                            place % g.width.input * xw.width + i * xw.lane];
                   }
               });
}

}  // namespace

void avg_pool2d(const PoolGeometry& geometry, const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), [&](auto zero) { average<decltype(zero)>(geometry, x, y); });
}
void avg_pool2d_gradient(const PoolGeometry& geometry, const Tensor& dy, Tensor& dx) {
  visit_floating(dy.dtype(),
                 [&](auto zero) { average_gradient<decltype(zero)>(geometry, dy, dx); });
}
void max_pool2d(const PoolGeometry& geometry, const Tensor& x, Tensor& y, Tensor& indices) {
  visit_floating(x.dtype(), [&](auto zero) { maximum<decltype(zero)>(geometry, x, y, indices); });
}
void max_pool2d_scatter(const PoolGeometry& geometry, const Tensor& dy, const Tensor& indices,
                        Tensor& dx) {
  visit_floating(dy.dtype(),
                 [&](auto zero) { maximum_scatter<decltype(zero)>(geometry, dy, indices, dx); });
}
void max_pool2d_gather(const PoolGeometry& geometry, const Tensor& x, const Tensor& indices,
                       Tensor& y) {
  visit_floating(x.dtype(),
                 [&](auto zero) { maximum_gather<decltype(zero)>(geometry, x, indices, y); });
}

}  // namespace tenon::kernels::reference
