#include "tenon/kernels/reference/conv2d.h"

#include <algorithm>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reference/activation_value.h"

namespace tenon::kernels::reference {
namespace {

/// Items of a parallel loop that together take about 20 us, at a nanosecond a multiply-add.
std::int64_t grain_of(double multiply_adds, std::int64_t items) {
  const double each =
      std::max(1.0, multiply_adds / static_cast<double>(std::max<std::int64_t>(items, 1)));
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(20000 / each));
}

/// The elements of a rank-4 tensor.
template <class T>
struct View4 {
  T* data;
  std::int64_t s0, s1, s2, s3;

  View4(T* first, const Tensor& x)
      : data(first),
        s0(x.strides()[0]),
        s1(x.strides()[1]),
        s2(x.strides()[2]),
        s3(x.strides()[3]) {}
  T& operator()(std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t l) const {
    return data[i * s0 + j * s1 + k * s2 + l * s3];
  }
};
template <class T>
View4<const T> view4(const Tensor& x) {
  return {elements<T>(x), x};
}
template <class T>
View4<T> fresh_view4(Tensor& x) {
  return {fresh_elements<T>(x), x};
}

template <class T>
void forward(const ConvGeometry& g, const Tensor& x, const Tensor& w, const Tensor& b,
             Activation activation, Tensor& y) {
  const auto xs = view4<T>(x), ws = view4<T>(w);
  const auto ys = fresh_view4<T>(y);
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  const std::int64_t rows = g.batch * g.out_channels * g.height.output;
  parallel_for(rows, grain_of(g.multiply_adds(), rows), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t oh = row % g.height.output;
      const std::int64_t co = row / g.height.output % g.out_channels;
      const std::int64_t n = row / g.height.output / g.out_channels;
      const std::int64_t first_in = co / group_out * group_in;
      const double bias =
          b.defined() ? static_cast<double>(elements<T>(b)[co * b.strides()[0]]) : 0.0;
      const IndexRange kh_range = g.height.taps(oh);
      for (std::int64_t ow = 0; ow < g.width.output; ++ow) {
        const IndexRange kw_range = g.width.taps(ow);
        double sum = bias;
        for (std::int64_t ci = 0; ci < group_in; ++ci)
          for (std::int64_t kh = kh_range.begin; kh < kh_range.end; ++kh)
            for (std::int64_t kw = kw_range.begin; kw < kw_range.end; ++kw)
              sum += static_cast<double>(xs(n, first_in + ci, g.height.position(oh, kh),
                                            g.width.position(ow, kw))) *
                     static_cast<double>(ws(co, ci, kh, kw));
        ys(n, co, oh, ow) = static_cast<T>(activation_value(sum, activation));
      }
    }
  });
}

/// Each input gathers from the outputs that read it.
template <class T>
void input_gradient(const ConvGeometry& g, const Tensor& dy, const Tensor& w, Tensor& dx) {
  const auto dys = view4<T>(dy), ws = view4<T>(w);
  const auto dxs = fresh_view4<T>(dx);
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  const std::int64_t rows = g.batch * g.in_channels * g.height.input;
  parallel_for(rows, grain_of(g.multiply_adds(), rows), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t h = row % g.height.input;
      const std::int64_t ci = row / g.height.input % g.in_channels;
      const std::int64_t n = row / g.height.input / g.in_channels;
      const std::int64_t first_out = ci / group_in * group_out;
      for (std::int64_t col = 0; col < g.width.input; ++col) {
        double sum = 0;
        for (std::int64_t kh = 0; kh < g.height.kernel; ++kh) {
          const std::int64_t top = h + g.height.before - kh * g.height.dilation;
          const std::int64_t oh = top / g.height.stride;
          if (top < 0 || top % g.height.stride != 0 || oh >= g.height.output) continue;
          for (std::int64_t kw = 0; kw < g.width.kernel; ++kw) {
            const std::int64_t left = col + g.width.before - kw * g.width.dilation;
            const std::int64_t ow = left / g.width.stride;
            if (left < 0 || left % g.width.stride != 0 || ow >= g.width.output) continue;
            for (std::int64_t co = first_out; co < first_out + group_out; ++co)
              sum += static_cast<double>(dys(n, co, oh, ow)) *
                     static_cast<double>(ws(co, ci % group_in, kh, kw));
          }
        }
        dxs(n, ci, h, col) = static_cast<T>(sum);
      }
    }
  });
}

template <class T>
void weight_gradient(const ConvGeometry& g, const Tensor& x, const Tensor& dy, Tensor& dw) {
  const auto xs = view4<T>(x), dys = view4<T>(dy);
  const auto dws = fresh_view4<T>(dw);
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  const std::int64_t planes = g.out_channels * group_in;
  parallel_for(planes, grain_of(g.multiply_adds(), planes),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t plane = begin; plane < end; ++plane) {
                   const std::int64_t co = plane / group_in, ci = plane % group_in;
                   const std::int64_t channel = co / group_out * group_in + ci;
                   for (std::int64_t kh = 0; kh < g.height.kernel; ++kh) {
                     const IndexRange oh_range = g.height.outputs(kh);
                     for (std::int64_t kw = 0; kw < g.width.kernel; ++kw) {
                       const IndexRange ow_range = g.width.outputs(kw);
                       double sum = 0;
                       for (std::int64_t n = 0; n < g.batch; ++n)
                         for (std::int64_t oh = oh_range.begin; oh < oh_range.end; ++oh)
                           for (std::int64_t ow = ow_range.begin; ow < ow_range.end; ++ow)
                             sum += static_cast<double>(xs(n, channel, g.height.position(oh, kh),
                                                           g.width.position(ow, kw))) *
                                    static_cast<double>(dys(n, co, oh, ow));
                       dws(co, ci, kh, kw) = static_cast<T>(sum);
                     }
                   }
                 }
               });
}

template <class T>
void bias_gradient(const ConvGeometry& g, const Tensor& dy, Tensor& db) {
  const auto dys = view4<T>(dy);
  T* out = fresh_elements<T>(db);
  const std::int64_t stride = db.strides()[0];
  const double pixels = static_cast<double>(g.batch * g.height.output * g.width.output);
  parallel_for(g.out_channels, grain_of(pixels, 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t co = begin; co < end; ++co) {
      double sum = 0;
      for (std::int64_t n = 0; n < g.batch; ++n)
        for (std::int64_t oh = 0; oh < g.height.output; ++oh)
          for (std::int64_t ow = 0; ow < g.width.output; ++ow)
            sum += static_cast<double>(dys(n, co, oh, ow));
      out[co * stride] = static_cast<T>(sum);
    }
  });
}

}  // namespace

void conv2d(const ConvGeometry& geometry, const Tensor& x, const Tensor& w, const Tensor& b,
            Activation activation, Tensor& y) {
  visit_floating(x.dtype(),
                 [&](auto zero) { forward<decltype(zero)>(geometry, x, w, b, activation, y); });
}
void conv2d_input_gradient(const ConvGeometry& geometry, const Tensor& dy, const Tensor& w,
                           Tensor& dx) {
  visit_floating(dy.dtype(),
                 [&](auto zero) { input_gradient<decltype(zero)>(geometry, dy, w, dx); });
}
void conv2d_weight_gradient(const ConvGeometry& geometry, const Tensor& x, const Tensor& dy,
                            Tensor& dw) {
  visit_floating(x.dtype(),
                 [&](auto zero) { weight_gradient<decltype(zero)>(geometry, x, dy, dw); });
}
void conv2d_bias_gradient(const ConvGeometry& geometry, const Tensor& dy, Tensor& db) {
  visit_floating(dy.dtype(), [&](auto zero) { bias_gradient<decltype(zero)>(geometry, dy, db); });
}

}  // namespace tenon::kernels::reference
