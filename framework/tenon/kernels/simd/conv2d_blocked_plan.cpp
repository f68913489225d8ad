#include <algorithm>
#include <array>

#include "tenon/kernels/scratch_internal.h"
#include "tenon/kernels/simd/conv2d_blocked.h"
#include "tenon/kernels/simd/conv2d_blocked_internal.h"

namespace tenon::kernels::simd {
namespace convolution::blocked {
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

}  // namespace convolution::blocked

bool conv2d_blocked_takes(const ConvGeometry& g) {
  using convolution::Index;
  const auto is_small = [](const WindowAxis& axis) {
    return axis.kernel <= convolution::kMaxKernel && axis.input > 0 && axis.output > 0 &&
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
