#include "tenon/kernels/simd/conv2d_blocked.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <utility>
#include <vector>

#include "tenon/core/parallel.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/kernels/simd/conv2d_blocked_internal.h"
#include "tenon/kernels/simd/elementwise.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/conv2d_blocked.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/conv2d_blocked-inl.h"
#include "tenon/kernels/simd/conv2d_blocked_multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::convolution::blocked {
namespace HWY_NAMESPACE {

/// Weights as [chunk of input channels][block of output channels][tap][input channel][output
/// channel].
void pack_weights(const Gather& g, const float* w, Index chunk, float* packed) {
  const Index kernel = g.kernel_height * g.kernel_width;
  // The place of each tap of w among the taps that are used.
  std::int32_t* place = scratch_offsets(kernel);
  std::fill(place, place + kernel, -1);
  for (Index i = 0; i < g.rows.tap_count; ++i)
    for (Index j = 0; j < g.columns.tap_count; ++j)
      place[g.rows.taps[static_cast<std::size_t>(i)].kernel * g.kernel_width +
            g.columns.taps[static_cast<std::size_t>(j)].kernel] =
          static_cast<std::int32_t>(i * g.columns.tap_count + j);
  const ChannelBlocks blocks(g.out_channels, kChannelBlock);
  for (Index c0 = 0; c0 < g.in_channels; c0 += chunk) {
    const Index channels = std::min(chunk, g.in_channels - c0);
    for (Index block = 0; block < blocks.count; ++block) {
      const Index size = blocks.size(block);
      for (Index c = 0; c < channels; ++c) {
        const float* from = w + blocks.begin(block) * g.w_out_stride + (c0 + c) * g.w_in_stride;
        const auto to = [&](Index tap) { return packed + (place[tap] * channels + c) * size; };
        if (kernel < 4) {
          for (Index tap = 0; tap < kernel; ++tap)
            if (place[tap] >= 0)
              for (Index r = 0; r < size; ++r) to(tap)[r] = from[r * g.w_out_stride + tap];
          continue;
        }
        // The last squares overlap those before them.
        for (Index tap = 0; tap < kernel;
             tap = tap + 4 < kernel ? std::min(tap + 4, kernel - 4) : kernel)
          for (Index r = 0; r < size; r = r + 4 < size ? size - 4 : size)
            transpose_quad(from + r * g.w_out_stride + tap, g.w_out_stride,
                           [&](Index k, hn::Vec<Quad> v) HWY_ATTR {
                             if (place[tap + k] >= 0) hn::StoreU(v, Quad(), to(tap + k) + r);
                           });
      }
      packed += size * channels * g.tap_count();
    }
  }
}

/// Part of the output of one group.
struct Tile {
  Index group;
  IndexRange images;
  IndexRange rows;
  IndexRange columns;
};

/// Where the row of the tile starts in y, for channel 0 of the group.
float* y_row(const Gather& g, const Tile& tile, Index row) {
  const Index line =
      (tile.group * g.out_channels * g.rows.image + g.rows.first + row * g.rows.step) *
      g.columns.image;
  return g.y + (line + g.columns.first + tile.columns.begin * g.columns.step) * g.batch +
         tile.images.begin;
}

/// Writes finished sums of some channels, one row of the tile, to y; they may be y's own.
void write_row(const Gather& g, const Tile& tile, float* y, Index channels, float* sums,
               Index sums_stride) {
  const Index images = tile.images.end - tile.images.begin;
  const Index columns = tile.columns.end - tile.columns.begin;
  if (sums == y && g.activation == Activation::none) return;
  const bool contiguous = images == g.batch && g.columns.step == 1;
  const Index y_channel = g.rows.image * g.columns.image * g.batch;
  for (Index o = 0; o < channels; ++o, sums += sums_stride, y += y_channel) {
    if (contiguous) {
      activate(g.activation, sums, y, columns * images);
      continue;
    }
    activate(g.activation, sums, sums, columns * images);
    for (Index j = 0; j < columns; ++j)
      copy_floats(sums + j * images, y + j * g.columns.step * g.batch, images);
  }
}

/// Neighbouring blocks of positions in a row, all wide or one narrow, that read the same taps of
/// the columns: some not for the first vector, then whole ones, then some not for the last vector.
struct PositionRun {
  Index first;  ///< in floats
  Index count;
  bool narrow;
  Index first_tap;
  Index without_first;
  Index whole;
  Index without_last;
};
constexpr Index kRowFloats = 512;
using PositionRuns = std::array<PositionRun, kRowFloats / kLanes>;

/// Cuts a row of the tile into runs; returns how many.
Index find_runs(const GatherAxis& columns, const Tile& tile, PositionRuns& runs) {
  const Index images = tile.images.end - tile.images.begin;
  const Index length = (tile.columns.end - tile.columns.begin) * images;
  const auto taps_of = [&](Index begin, Index end) {  // for floats of the row
    return columns.taps_inside(tile.columns.begin + begin / images,
                               tile.columns.begin + (std::min(end, length) - 1) / images + 1);
  };
  std::size_t count = 0;
  for (Index first = 0, size = 0; first < length; first += size) {
    const bool narrow = length - first <= kNarrow * kLanes;
    size = (narrow ? kNarrow : kWide) * kLanes;
    const Index last = first + size - kLanes;  // where the last vector starts
    const IndexRange taps = taps_of(first, first + size);
    // The last vector of a wide block may lie behind the end of the row: then it needs no tap.
    const Index begin = std::min<Index>(taps_of(first, first + kLanes).begin, taps.end);
    const Index end =
        last < length ? std::max<Index>(taps_of(last, first + size).end, begin) : taps.end;
    const PositionRun run{first,         1, narrow, taps.begin, begin - taps.begin, end - begin,
                          taps.end - end};
    PositionRun* const before = count > 0 ? &runs[count - 1] : nullptr;
    if (before && before->narrow == run.narrow && before->first_tap == run.first_tap &&
        before->without_first == run.without_first && before->whole == run.whole &&
        before->without_last == run.without_last)
      ++before->count;
    else
      runs[count++] = run;
  }
  return static_cast<Index>(count);
}

/// Where x starts in the packed rows for each [tap][input channel] of an output row. Taps that lie
/// outside the image have any.
void find_offsets(const PackedRows& packed, Index row, IndexRange channels, std::int32_t* offsets) {
  const GatherAxis& rows = *packed.rows;
  const GatherAxis& columns = *packed.columns;
  const IndexRange inside = rows.taps_inside(row, row + 1);
  for (Index i = 0; i < rows.tap_count; ++i)
    for (Index j = 0; j < columns.tap_count; ++j) {
      Index from = channels.begin * packed.channel_floats + packed.tap_offset(j);
      if (i >= inside.begin && i < inside.end)
        from += packed.slot(row * rows.stride + rows.distance(i)) * packed.row_floats();
      for (Index c = channels.begin; c < channels.end; ++c, from += packed.channel_floats)
        *offsets++ = static_cast<std::int32_t>(from);
    }
}

void run_tile(const Gather& g, const Tile& tile, Index chunk, const float* packed_weights) {
  PackedRows packed(g.rows, g.columns, g.in_channels, g.batch, tile.images, tile.columns,
                    g.rows.extent());
  packed.memory = scratch(Purpose::rows, packed.slots * packed.row_floats() + kWide * kLanes);
  const float* x = g.x + tile.group * g.in_channels * g.rows.input * g.columns.input * g.batch;
  const Index y_channel = g.rows.image * g.columns.image * g.batch;
  const float* bias = g.b ? g.b + tile.group * g.out_channels : nullptr;
  PositionRuns runs;
  const Index run_count = find_runs(g.columns, tile, runs);

  const Index length = (tile.columns.end - tile.columns.begin) * packed.image_count();
  const bool in_one = chunk >= g.in_channels;
  // Rows of whole blocks are summed where they belong, others beside.
  const bool in_place =
      packed.image_count() == g.batch && g.columns.step == 1 && length % (kNarrow * kLanes) == 0;
  const Index sums_stride = in_place ? y_channel : round_up(length, kWide * kLanes) + 16;
  const Index kept_channels = in_place ? 0 : in_one ? kChannelBlock : g.out_channels;
  float* const kept_sums = scratch(Purpose::sums, kept_channels * sums_stride);
  const ChannelBlocks blocks(g.out_channels, kChannelBlock);
  std::int32_t* const offsets = scratch_offsets(std::min(chunk, g.in_channels) * g.tap_count());

  Index next = 0;  // input row to be packed
  for (Index row = tile.rows.begin; row < tile.rows.end; ++row) {
    const Index top = row * g.rows.stride;
    next = std::max({next, top + g.rows.lowest(), Index{0}});
    for (; next <= std::min(top + g.rows.highest(), g.rows.input - 1); ++next)
      pack_row(packed, x, next);
    Prefetcher prefetcher = next_rows(packed, x, next, g.rows.stride);
    prefetcher.spread_over(ceil_divide(length, kWide * kLanes) * blocks.count *
                           ceil_divide(g.in_channels, chunk));
    const IndexRange row_taps = g.rows.taps_inside(row, row + 1);
    float* const y = y_row(g, tile, row);
    const float* w = packed_weights;
    for (Index c0 = 0; c0 < g.in_channels; c0 += chunk) {
      const Index channels = std::min(chunk, g.in_channels - c0);
      const bool last = c0 + channels == g.in_channels;
      find_offsets(packed, row, {c0, c0 + channels}, offsets);
      for (Index block = 0; block < blocks.count; ++block) {
        const Index begin = blocks.begin(block), size = blocks.size(block);
        float* const sums =
            in_place ? y + begin * sums_stride : kept_sums + (in_one ? 0 : begin * sums_stride);
        for (Index i = 0; i < run_count; ++i) {
          const PositionRun& run = runs[static_cast<std::size_t>(i)];
          const Index skipped = (row_taps.begin * g.columns.tap_count + run.first_tap) * channels;
          Blocks m{.x = packed.memory + run.first,
                   .offsets = offsets + skipped,
                   .w = w + skipped * size,
                   .bias = bias ? bias + begin : nullptr,
                   .sums = sums + run.first,
                   .sums_stride = sums_stride,
                   .count = run.count,
                   .segments = row_taps.end - row_taps.begin,
                   .segment_step = g.columns.tap_count * channels,
                   .without_first = run.without_first * channels,
                   .whole = run.whole * channels,
                   .without_last = run.without_last * channels,
                   .accumulate = c0 > 0,
                   .prefetcher = &prefetcher};
          if (m.whole == m.segment_step)
            m.whole *= std::exchange(m.segments, std::min<Index>(m.segments, 1));
          find_multiply(size, run.narrow)(m);
        }
        if (last) write_row(g, tile, y + begin * y_channel, size, sums, sums_stride);
        w += size * channels * g.tap_count();
      }
    }
  }
}

/// Input channels that are worked on together: the weights of a block of output channels stay in
/// L1, and the packed rows in L2 while they are read for one block after the other.
Index chunk_of(const Gather& g, Index row_floats) {
  // Machines with AVX-512 have 1 MB of L2 or more.
  constexpr bool is_large = HWY_TARGET == HWY_AVX3;
  constexpr Index kProducts = is_large ? 640 : 320, kSweptBytes = (is_large ? 256 : 112) * 1024;
  const Index products = g.in_channels * std::max<Index>(g.tap_count(), 1);
  const Index swept = g.in_channels * g.rows.extent() * row_floats * 4;
  const Index chunks = std::max(ceil_divide(products, kProducts),
                                std::min(g.in_channels / 8 + 1, ceil_divide(swept, kSweptBytes)));
  return ceil_divide(g.in_channels, chunks);
}

/// A gather, cut into tasks.
struct Plan {
  const Gather* gather;
  Cut images;
  Cut columns;
  Cut rows;
  Index chunk;
  float* weights = nullptr;  ///< packed

  explicit Plan(const Gather& g)
      : gather(&g),
        images(cut_images(g.batch)),
        columns(cut_evenly(g.columns.output, kRowFloats / images.size)) {
    // Enough tiles for several threads, of rows that are worth packing their neighbours for. How
    // rows are cut changes no bits.
    const Index least_rows = 2 * ceil_divide(g.rows.extent(), g.rows.stride);
    const bool serial = in_parallel_body() || num_threads() == 1;
    const Index most_pieces = std::clamp<Index>(g.rows.output / least_rows, 1, 8);
    const Index pieces =
        serial ? 1
               : std::clamp<Index>(
                     16 / (g.groups * images.count * columns.count), 1,
                     static_cast<Index>(std::bit_floor(static_cast<std::size_t>(most_pieces))));
    rows = cut_evenly(g.rows.output, ceil_divide(g.rows.output, pieces));
    chunk = chunk_of(g, (columns.size + (g.columns.extent() - 1) / g.columns.stride) *
                            std::min(g.columns.stride, g.columns.extent()) * images.size);
  }
  Index task_count() const { return gather->groups * images.count * columns.count * rows.count; }
  Index group_weights() const {
    return gather->out_channels * gather->in_channels * gather->tap_count();
  }
  void pack(float* memory) {
    weights = memory;
    for (Index group = 0; group < gather->groups; ++group)
      pack_weights(*gather, gather->w + group * gather->group_weights(), chunk,
                   memory + group * group_weights());
  }
  void run_task(Index i) const {
    const Index part = i / rows.count;
    const Tile tile{.group = part / columns.count / images.count,
                    .images = images.piece(part / columns.count % images.count),
                    .rows = rows.piece(i % rows.count),
                    .columns = columns.piece(part % columns.count)};
    run_tile(*gather, tile, chunk, weights + tile.group * group_weights());
  }
};

void gather_all(std::span<const Gather> gathers) {
  std::vector<Plan> plans(gathers.begin(), gathers.end());
  Index weights = 0, tasks = 0;
  for (const Plan& plan : plans) {
    weights += plan.gather->groups * plan.group_weights();
    tasks += plan.task_count();
  }
  float* packed = scratch(Purpose::weights, weights);
  for (Plan& plan : plans) {
    plan.pack(packed);
    packed += plan.gather->groups * plan.group_weights();
  }
  parallel_for(tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (Index task = begin; task < end; ++task) {
      Index i = task;
      const Plan* plan = plans.data();
      for (; i >= plan->task_count(); ++plan) i -= plan->task_count();
      plan->run_task(i);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::convolution::blocked
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {
namespace convolution::blocked {
HWY_EXPORT(gather_all);
}

void conv2d_blocked(const ConvGeometry& g, const float* x, const float* w, const float* b,
                    Activation activation, float* y) {
  const convolution::Gather gather = convolution::forward_gather(g, x, w, b, activation, y);
  HWY_DYNAMIC_DISPATCH(convolution::blocked::gather_all)({&gather, 1});
}

void conv2d_blocked_input_gradient(const ConvGeometry& g, const float* dy, const float* w,
                                   float* dx) {
  HWY_DYNAMIC_DISPATCH(convolution::blocked::gather_all)
  (convolution::input_gradient_gathers(g, dy, w, dx));
}

}  // namespace tenon::kernels::simd
#endif
