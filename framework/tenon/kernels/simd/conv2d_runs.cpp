#include "tenon/kernels/simd/conv2d.h"
#include "tenon/kernels/simd/conv2d_internal.h"

namespace tenon::kernels::simd {
namespace convolution::direct {

Runs find_runs(const Gather& g, const RowLayout& layout, bool by_column) {
  thread_local Scratch<ColumnRun> run_memory;
  thread_local Scratch<Tap> tap_memory;
  const auto taps_at = [&](Index column) {
    return by_column ? g.columns.taps_inside(column, column + 1)
                     : IndexRange{0, g.columns.tap_count};
  };
  ColumnRun* const runs = run_memory.at_least(g.columns.output);
  Index count = 0, tap_count = 0;
  IndexRange before{0, 0};
  for (Index column = 0; column < g.columns.output; ++column) {
    const IndexRange taps = taps_at(column);
    if (count > 0 && taps.begin == before.begin && taps.end == before.end) {
      runs[count - 1].end += g.batch;
      continue;
    }
    before = taps;
    runs[count++] = {column * g.batch, (column + 1) * g.batch, taps.end - taps.begin, nullptr};
    tap_count += (taps.end - taps.begin) * g.rows.tap_count;
  }
  Tap* to = tap_memory.at_least(tap_count);
  for (ColumnRun* run = runs; run < runs + count; ++run) {
    const IndexRange taps = taps_at(run->begin / g.batch);
    run->taps = to;
    for (Index i = 0; i < g.rows.tap_count; ++i)
      for (Index j = taps.begin; j < taps.end; ++j)
        *to++ = {
            g.rows.distance(i) * layout.row_floats + layout.column_offset(g.columns, j, g.batch),
            g.rows.taps[static_cast<std::size_t>(i)].kernel * g.kernel_width +
                g.columns.taps[static_cast<std::size_t>(j)].kernel};
  }
  return {runs, count};
}

}  // namespace convolution::direct

bool conv2d_takes(const ConvGeometry& g) {
  const auto is_taken = [](const WindowAxis& axis) {
    return axis.kernel <= convolution::kMaxKernel && axis.input > 0 && axis.output > 0;
  };
  return g.batch > 0 && g.in_channels > 0 && g.out_channels > 0 && is_taken(g.height) &&
         is_taken(g.width);
}

}  // namespace tenon::kernels::simd
