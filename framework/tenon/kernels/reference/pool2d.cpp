#include "tenon/kernels/reference/pool2d.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"

namespace tenon::kernels::reference {
namespace {

constexpr std::int64_t kLaneBlock = 64;  // accumulators that fit into the first-level cache many times over

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
        lane(axis == LaneAxis::channels ? x.strides()[1] : axis == LaneAxis::batch ? x.strides()[0] : 0),
        height(x.strides()[2]),
        width(x.strides()[3]) {}
  std::int64_t plane(std::int64_t p) const { return p / inner_planes * outer + p % inner_planes * inner; }
};

/// Calls body(plane, row, first lane, lanes) for each row of `output`, at most kLaneBlock lanes at a time, in parallel.
template <class Body>
void for_each_row(const Tensor& output, LaneAxis axis, double reads_per_element, const Body& body) {
  const Shape& shape = output.shape();
  const std::int64_t lanes = axis == LaneAxis::channels ? shape[1] : axis == LaneAxis::batch ? shape[0] : 1;
  if (output.numel() == 0) return;
  const std::int64_t rows = shape[0] * shape[1] / lanes * shape[2];
  // A read takes about a nanosecond, in lanes a third of it.
  const double row_time = static_cast<double>(shape[3] * lanes) * reads_per_element * (lanes < 4 ? 1.0 : 0.3) + 1;
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(20000 / row_time));
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t lane = 0; lane < lanes; lane += kLaneBlock)
        body(row / shape[2], row % shape[2], lane, std::min(kLaneBlock, lanes - lane));
  });
}

double taps_of(const PoolGeometry& g) { return static_cast<double>(g.height.kernel * g.width.kernel); }
/// The windows that a pixel lies in, on average.
double windows_of(const PoolGeometry& g) {
  return taps_of(g) / static_cast<double>(g.height.stride * g.width.stride) + 1;
}

/// f(i) for i in [0, count), compiled for the strides 1 that a walk mostly has.
template <class T, class F>
void add_lanes(double* sums, const T* x, std::int64_t stride, std::int64_t count, F f) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += f(static_cast<double>(x[i]));
  } else {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += f(static_cast<double>(x[i * stride]));
  }
}
template <class T, class F>
void store_lanes(T* y, std::int64_t stride, const double* sums, std::int64_t count, F f) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = static_cast<T>(f(sums[i]));
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i * stride] = static_cast<T>(f(sums[i]));
  }
}

/// How many pixels of this axis the average of window o is divided by. As PyTorch: what reaches over the padding does
/// not count.
double share_of(const WindowAxis& axis, std::int64_t o, bool count_include_pad) {
  const std::int64_t begin = o * axis.stride - axis.before;
  if (count_include_pad) return static_cast<double>(std::min(begin + axis.kernel, axis.input + axis.after) - begin);
  const IndexRange taps = axis.taps(o);
  return static_cast<double>(taps.end - taps.begin);
}
std::vector<double> shares_of(const WindowAxis& axis, bool count_include_pad) {
  std::vector<double> shares(static_cast<std::size_t>(axis.output));
  for (std::int64_t o = 0; o < axis.output; ++o)
    shares[static_cast<std::size_t>(o)] = share_of(axis, o, count_include_pad);
  return shares;
}

template <class T>
void average(const PoolGeometry& g, const Tensor& x, Tensor& y) {
  const LaneAxis axis = lane_axis_of(y);
  const Walk xw(x, axis), yw(y, axis);
  const T* const xs = elements<T>(x);
  T* const ys = fresh_elements<T>(y);
  for_each_row(y, axis, taps_of(g), [&](std::int64_t plane, std::int64_t oh, std::int64_t lane, std::int64_t lanes) {
    const IndexRange kh_range = g.height.taps(oh);
    const double share_h = share_of(g.height, oh, g.count_include_pad);
    for (std::int64_t ow = 0; ow < g.width.output; ++ow) {
      const IndexRange kw_range = g.width.taps(ow);
      double sums[kLaneBlock];
      std::fill_n(sums, lanes, 0.0);
      for (std::int64_t kh = kh_range.begin; kh < kh_range.end; ++kh) {
        const T* from = xs + xw.plane(plane) + g.height.position(oh, kh) * xw.height + lane * xw.lane +
                        g.width.position(ow, kw_range.begin) * xw.width;
        for (std::int64_t kw = kw_range.begin; kw < kw_range.end; ++kw, from += xw.width)
          add_lanes(sums, from, xw.lane, lanes, [](double v) { return v; });
      }
      const double scale = 1 / (share_h * share_of(g.width, ow, g.count_include_pad));
      store_lanes(ys + yw.plane(plane) + oh * yw.height + ow * yw.width + lane * yw.lane, yw.lane, sums, lanes,
                  [scale](double sum) { return sum * scale; });
    }
  });
}

/// Each pixel gathers from the windows that it lies in.
template <class T>
void average_gradient(const PoolGeometry& g, const Tensor& dy, Tensor& dx) {
  const LaneAxis axis = lane_axis_of(dx);
  const Walk xw(dx, axis), yw(dy, axis);
  const T* const dys = elements<T>(dy);
  T* const dxs = fresh_elements<T>(dx);
  const std::vector<double> shares_h = shares_of(g.height, g.count_include_pad);
  const std::vector<double> shares_w = shares_of(g.width, g.count_include_pad);
  for_each_row(dx, axis, windows_of(g), [&](std::int64_t plane, std::int64_t h, std::int64_t lane, std::int64_t lanes) {
    const IndexRange oh_range = g.height.windows(h);
    for (std::int64_t w = 0; w < g.width.input; ++w) {
      const IndexRange ow_range = g.width.windows(w);
      double sums[kLaneBlock];
      std::fill_n(sums, lanes, 0.0);
      for (std::int64_t oh = oh_range.begin; oh < oh_range.end; ++oh)
        for (std::int64_t ow = ow_range.begin; ow < ow_range.end; ++ow) {
          const double scale = 1 / (shares_h[static_cast<std::size_t>(oh)] * shares_w[static_cast<std::size_t>(ow)]);
          add_lanes(sums, dys + yw.plane(plane) + oh * yw.height + ow * yw.width + lane * yw.lane, yw.lane, lanes,
                    [scale](double v) { return v * scale; });
        }
      store_lanes(dxs + xw.plane(plane) + h * xw.height + w * xw.width + lane * xw.lane, xw.lane, sums, lanes,
                  [](double sum) { return sum; });
    }
  });
}

template <class T>
void maximum(const PoolGeometry& g, const Tensor& x, Tensor& y, Tensor& indices) {
  const LaneAxis axis = lane_axis_of(y);
  const Walk xw(x, axis), yw(y, axis);
  const T* const xs = elements<T>(x);
  T* const ys = fresh_elements<T>(y);
  std::int32_t* const places = indices.defined() ? fresh_elements<std::int32_t>(indices) : nullptr;
  for_each_row(y, axis, taps_of(g), [&](std::int64_t plane, std::int64_t oh, std::int64_t lane, std::int64_t lanes) {
    const IndexRange kh_range = g.height.taps(oh);
    for (std::int64_t ow = 0; ow < g.width.output; ++ow) {
      const IndexRange kw_range = g.width.taps(ow);
      T best[kLaneBlock];
      std::int32_t place[kLaneBlock];
      const std::int64_t top = g.height.position(oh, kh_range.begin), left = g.width.position(ow, kw_range.begin);
      std::fill_n(best, lanes, -std::numeric_limits<T>::infinity());
      std::fill_n(place, lanes, static_cast<std::int32_t>(top * g.width.input + left));
      for (std::int64_t kh = kh_range.begin; kh < kh_range.end; ++kh) {
        const std::int64_t row = g.height.position(oh, kh);
        const T* from = xs + xw.plane(plane) + row * xw.height + left * xw.width + lane * xw.lane;
        auto here = static_cast<std::int32_t>(row * g.width.input + left);
        for (std::int64_t kw = kw_range.begin; kw < kw_range.end; ++kw, from += xw.width, ++here)
          for (std::int64_t i = 0; i < lanes; ++i) {
            const T value = from[i * xw.lane];
            // A NaN wins once: nothing is greater than it, and the first one stays.
            const bool wins = value > best[i] || (value != value && best[i] == best[i]);
            best[i] = wins ? value : best[i];
            place[i] = wins ? here : place[i];
          }
      }
      const std::int64_t to = yw.plane(plane) + oh * yw.height + ow * yw.width + lane * yw.lane;
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
  const T* const dys = elements<T>(dy);
  const std::int32_t* const places = elements<std::int32_t>(indices);
  T* const dxs = fresh_elements<T>(dx);
  for_each_row(dx, axis, windows_of(g), [&](std::int64_t plane, std::int64_t h, std::int64_t lane, std::int64_t lanes) {
    const IndexRange oh_range = g.height.windows(h);
    for (std::int64_t w = 0; w < g.width.input; ++w) {
      const IndexRange ow_range = g.width.windows(w);
      const auto here = static_cast<std::int32_t>(h * g.width.input + w);
      double sums[kLaneBlock];
      std::fill_n(sums, lanes, 0.0);
      for (std::int64_t oh = oh_range.begin; oh < oh_range.end; ++oh)
        for (std::int64_t ow = ow_range.begin; ow < ow_range.end; ++ow) {
          const T* const from = dys + yw.plane(plane) + oh * yw.height + ow * yw.width + lane * yw.lane;
          const std::int32_t* const place = places + iw.plane(plane) + oh * iw.height + ow * iw.width + lane * iw.lane;
          for (std::int64_t i = 0; i < lanes; ++i)
            sums[i] += place[i * iw.lane] == here ? static_cast<double>(from[i * yw.lane]) : 0.0;
        }
      store_lanes(dxs + xw.plane(plane) + h * xw.height + w * xw.width + lane * xw.lane, xw.lane, sums, lanes,
                  [](double sum) { return sum; });
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
  for_each_row(y, axis, 4, [&](std::int64_t plane, std::int64_t oh, std::int64_t lane, std::int64_t lanes) {
    for (std::int64_t ow = 0; ow < g.width.output; ++ow)
      for (std::int64_t i = lane; i < lane + lanes; ++i) {
        const std::int32_t place = places[iw.plane(plane) + oh * iw.height + ow * iw.width + i * iw.lane];
        ys[yw.plane(plane) + oh * yw.height + ow * yw.width + i * yw.lane] =
            xs[xw.plane(plane) + place / g.width.input * xw.height + place % g.width.input * xw.width + i * xw.lane];
      }
  });
}

}  // namespace

void avg_pool2d(const PoolGeometry& geometry, const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), [&](auto zero) { average<decltype(zero)>(geometry, x, y); });
}
void avg_pool2d_gradient(const PoolGeometry& geometry, const Tensor& dy, Tensor& dx) {
  visit_floating(dy.dtype(), [&](auto zero) { average_gradient<decltype(zero)>(geometry, dy, dx); });
}
void max_pool2d(const PoolGeometry& geometry, const Tensor& x, Tensor& y, Tensor& indices) {
  visit_floating(x.dtype(), [&](auto zero) { maximum<decltype(zero)>(geometry, x, y, indices); });
}
void max_pool2d_scatter(const PoolGeometry& geometry, const Tensor& dy, const Tensor& indices, Tensor& dx) {
  visit_floating(dy.dtype(), [&](auto zero) { maximum_scatter<decltype(zero)>(geometry, dy, indices, dx); });
}
void max_pool2d_gather(const PoolGeometry& geometry, const Tensor& x, const Tensor& indices, Tensor& y) {
  visit_floating(x.dtype(), [&](auto zero) { maximum_gather<decltype(zero)>(geometry, x, indices, y); });
}

}  // namespace tenon::kernels::reference
