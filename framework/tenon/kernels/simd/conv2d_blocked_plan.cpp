#include <algorithm>
#include <cstring>

#include "tenon/kernels/scratch_internal.h"
#include "tenon/kernels/simd/conv2d_blocked.h"
#include "tenon/kernels/simd/conv2d_blocked_internal.h"
#include "tenon/kernels/simd/elementwise.h"

namespace tenon::kernels::simd {
namespace blocked {
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

Cut cut_evenly(Index total, Index limit) {
  const Index size = ceil_divide(total, ceil_divide(total, std::max<Index>(limit, 1)));
  return {total, size, ceil_divide(total, size)};
}

Cut cut_images(Index batch) {
  const Index size = batch <= 128 ? batch : 64;
  return {batch, size, ceil_divide(batch, size)};
}

PackedRows::PackedRows(const GatherAxis& row_axis, const GatherAxis& column_axis,
                       Index channel_count, Index batch_size, IndexRange image_range,
                       IndexRange output_columns, Index slot_count)
    : rows(&row_axis),
      columns(&column_axis),
      channels(channel_count),
      images(image_range),
      batch(batch_size),
      first_column(output_columns.begin * column_axis.stride + column_axis.lowest()),
      positions(output_columns.end - output_columns.begin +
                (column_axis.extent() - 1) / column_axis.stride),
      phases(std::min(column_axis.stride, column_axis.extent())),
      phase_floats(positions * (image_range.end - image_range.begin)),
      channel_floats(0),
      slots(slot_count) {
  // An odd number of cache lines, so that channels do not share the sets of a cache.
  channel_floats = (ceil_divide(phase_floats * phases, 16) | 1) * 16;
}

float* scratch(Purpose purpose, Index floats) {
  thread_local std::array<Scratch<float>, static_cast<std::size_t>(Purpose::count)> buffers;
  return buffers[static_cast<std::size_t>(purpose)].at_least(floats);
}

std::int32_t* scratch_offsets(Index count) {
  thread_local Scratch<std::int32_t> offsets;
  return offsets.at_least(count);
}

}  // namespace blocked

bool conv2d_blocked_takes(const ConvGeometry& g) {
  using blocked::Index;
  const auto is_small = [](const WindowAxis& axis) {
    return axis.kernel <= blocked::kMaxKernel && axis.input > 0 && axis.output > 0 &&
           axis.extent() <= 4096;
  };
  constexpr Index kChannels = 16;
  if (g.batch < 1 || !is_small(g.height) || !is_small(g.width)) return false;
  if (g.in_channels / g.groups < kChannels || g.out_channels / g.groups < kChannels) return false;
  // Offsets within the packed rows of one tile are 32 bits wide.
  const double channels = static_cast<double>(std::max(g.in_channels, g.out_channels));
  const double row = 1024.0 + static_cast<double>(g.width.extent() + g.width.stride) * 64;
  const double rows =
      static_cast<double>(g.height.extent()) + 64.0 * static_cast<double>(g.height.stride);
  return channels * row * rows < 2e9;
}

}  // namespace tenon::kernels::simd
