#include <algorithm>
#include <utility>

#include "tenon/kernels/simd/conv2d_gather_internal.h"

namespace tenon::kernels::simd::convolution {
namespace {

/// ceil(a / b) for b > 0.
Index ceil_of(Index a, Index b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

}  // namespace

IndexRange GatherAxis::taps_inside(Index begin, Index end) const {
  Index low = 0, high = tap_count;
  while (low < high && (end - 1) * stride + distance(low) < 0) ++low;
  while (high > low && begin * stride + distance(high - 1) >= input) --high;
  return {low, high};
}

IndexRange GatherAxis::outputs_inside(Index tap) const {
  const Index d = distance(tap);
  const Index begin = std::clamp<Index>(ceil_of(-d, stride), 0, output);
  const Index end = std::clamp<Index>(ceil_of(input - d, stride), 0, output);
  return {begin, std::max(begin, end)};
}

GatherAxis forward_axis(const WindowAxis& axis) {
  GatherAxis a{.input = axis.input,
               .output = axis.output,
               .stride = axis.stride,
               .image = axis.output,
               .tap_count = axis.kernel};
  for (Index k = 0; k < axis.kernel; ++k)
    a.taps[static_cast<std::size_t>(k)] = {k * axis.dilation - axis.before, k};
  return a;
}

GatherAxis input_gradient_axis(const WindowAxis& axis, Index phase) {
  GatherAxis a{.input = axis.output,
               .output = std::max<Index>(0, ceil_of(axis.input - phase, axis.stride)),
               .image = axis.input,
               .first = phase,
               .step = axis.stride};
  for (Index k = axis.kernel - 1; k >= 0; --k) {
    const Index distance = phase + axis.before - k * axis.dilation;
    if (distance % axis.stride == 0)
      a.taps[static_cast<std::size_t>(a.tap_count++)] = {distance / axis.stride, k};
  }
  return a;
}

Gather forward_gather(const ConvGeometry& g, const float* x, const float* w, const float* b,
                      Activation activation, float* y) {
  const Index in = g.in_channels / g.groups, kernel = g.height.kernel * g.width.kernel;
  return {.rows = forward_axis(g.height),
          .columns = forward_axis(g.width),
          .batch = g.batch,
          .groups = g.groups,
          .in_channels = in,
          .out_channels = g.out_channels / g.groups,
          .x = x,
          .w = w,
          .b = b,
          .y = y,
          .activation = activation,
          .kernel_height = g.height.kernel,
          .kernel_width = g.width.kernel,
          .w_out_stride = in * kernel,
          .w_in_stride = kernel};
}

std::vector<Gather> input_gradient_gathers(const ConvGeometry& g, const float* dy, const float* w,
                                           float* dx) {
  Gather phase = forward_gather(g, dy, w, nullptr, Activation::none, dx);
  std::swap(phase.in_channels, phase.out_channels);
  std::swap(phase.w_out_stride, phase.w_in_stride);
  std::vector<Gather> phases;
  phases.reserve(static_cast<std::size_t>(g.height.stride * g.width.stride));
  for (Index i = 0; i < g.height.stride; ++i)
    for (Index j = 0; j < g.width.stride; ++j) {
      phase.rows = input_gradient_axis(g.height, i);
      phase.columns = input_gradient_axis(g.width, j);
      if (phase.rows.output > 0 && phase.columns.output > 0) phases.push_back(phase);
    }
  return phases;
}

WeightGradient weight_gradient_of(const ConvGeometry& g, const float* x, const float* dy) {
  return {.rows = forward_axis(g.height),
          .columns = forward_axis(g.width),
          .batch = g.batch,
          .groups = g.groups,
          .in_channels = g.in_channels / g.groups,
          .out_channels = g.out_channels / g.groups,
          .x = x,
          .dy = dy};
}

}  // namespace tenon::kernels::simd::convolution
