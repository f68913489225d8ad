#include <algorithm>

#include "tenon/core/parallel.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/kernels/simd/conv2d_blocked.h"
#include "tenon/kernels/simd/conv2d_blocked_internal.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/conv2d_blocked_weights.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/conv2d_blocked-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::convolution::blocked {
namespace HWY_NAMESPACE {

// Registers: input channels x vectors of output channels, 6 x 2 of the 16 of AVX2, 12 x 2 of the 32
// of AVX-512. 16 and more channels divide into blocks of 4 to 6, or 8 to 12.
constexpr Index kChannelBlock = HWY_TARGET == HWY_AVX3 ? 12 : 6;
constexpr Index kSmallestBlock = HWY_TARGET == HWY_AVX3 ? 8 : 4;
// Floats of a transposed block of dy. They stream from L2.
constexpr Index kPanelFloats = HWY_TARGET == HWY_AVX3 ? 16384 : 8192;

/// What `accumulate` does: sums[r * sums_stride + lane] += sum over positions of
/// x[row][r][position] panel[row][position][lane], for R input channels.
struct Products {
  const float* panel;
  Index panel_row;        ///< floats from one row of positions to the next
  const float* const* x;  ///< one a row, at the first of the channels
  Index channel_floats;
  Index rows;
  Index positions;
  float* sums;
  Index sums_stride;
};

template <class D, Index R>
HWY_NOINLINE void accumulate(const Products& products) {
  const D d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D()));
  using V = hn::Vec<D>;
  const Products m = products;
  V sum[R][2];
#pragma GCC unroll 12
  for (Index r = 0; r < R; ++r) sum[r][0] = sum[r][1] = hn::Zero(d);
  for (Index row = 0; row < m.rows; ++row) {
    const float* HWY_RESTRICT panel = m.panel + row * m.panel_row;
    const float* x[R];
#pragma GCC unroll 12
    for (Index r = 0; r < R; ++r) x[r] = m.x[row] + r * m.channel_floats;
#pragma GCC unroll 4
    for (Index p = 0; p < m.positions; ++p, panel += 2 * lanes) {
      const V dy0 = keep(hn::LoadU(d, panel)), dy1 = keep(hn::LoadU(d, panel + lanes));
#pragma GCC unroll 12
      for (Index r = 0; r < R; ++r) {
        const V value = keep(hn::Set(d, x[r][p]));
        sum[r][0] = hn::MulAdd(value, dy0, sum[r][0]);
        sum[r][1] = hn::MulAdd(value, dy1, sum[r][1]);
      }
    }
  }
#pragma GCC unroll 12
  for (Index r = 0; r < R; ++r) {
    float* to = m.sums + r * m.sums_stride;
    hn::StoreU(hn::Add(hn::LoadU(d, to), sum[r][0]), d, to);
    hn::StoreU(hn::Add(hn::LoadU(d, to + lanes), sum[r][1]), d, to + lanes);
  }
}

using Accumulate = void (*)(const Products&);
template <class D>
Accumulate find_accumulate(Index channels) {
#if HWY_TARGET == HWY_AVX3
  static constexpr Accumulate kernels[] = {accumulate<D, 8>, accumulate<D, 9>, accumulate<D, 10>,
                                           accumulate<D, 11>, accumulate<D, 12>};
#else
  static constexpr Accumulate kernels[] = {accumulate<D, 4>, accumulate<D, 5>, accumulate<D, 6>};
#endif
  return kernels[channels - kSmallestBlock];
}

/// Output channels that share a transposed panel of dy: two vectors, or two of half the length
/// where that is enough (one of full length would need a broadcast for each multiply-add).
struct Panel {
  Index begin;
  Index channels;
  Index width;
};
Panel panel_at(const WeightGradient& g, Index begin) {
  const Index left = g.out_channels - begin;
  const Index width = left <= kLanes ? kLanes : 2 * kLanes;
  return {begin, std::min(left, width), width};
}

/// panel[position][channel] = dy[channel][position], for `count` positions; channels that are
/// missing are 0.
void transpose_line(const float* dy, Index channel_stride, const Panel& p, Index count,
                    float* panel) {
  for (Index c = 0; c < p.width; c += 4) {
    const float* from = dy + c * channel_stride;
    Index i = 0;
    if (c + 4 <= p.channels)
      for (; i + 4 <= count; i += 4)
        transpose_quad(from + i, channel_stride, [&](Index k, hn::Vec<Quad> v) HWY_ATTR {
          hn::Store(v, Quad(), panel + (i + k) * p.width + c);
        });
    for (; i < count; ++i)
      for (Index k = 0; k < 4; ++k)
        panel[i * p.width + c + k] = c + k < p.channels ? from[k * channel_stride + i] : 0.0f;
  }
}

/// bias[lane] += sum over positions of panel[position][lane].
void add_bias(const float* panel, Index width, Index positions, float* bias) {
  const Floats d;
  for (Index lane = 0; lane < width; lane += kLanes) {
    FloatVector sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    Index p = 0;
    for (; p + 4 <= positions; p += 4) {
#pragma GCC unroll 4
      for (Index i = 0; i < 4; ++i)
        sum[i] = hn::Add(sum[i], hn::Load(d, panel + (p + i) * width + lane));
    }
    for (; p < positions; ++p) sum[0] = hn::Add(sum[0], hn::Load(d, panel + p * width + lane));
    const FloatVector all = hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]));
    hn::Store(hn::Add(hn::Load(d, bias + lane), all), d, bias + lane);
  }
}

/// A share of the work: some images, and the output channels [begin, end) of a group.
struct Share {
  Index group;
  IndexRange images;
  IndexRange columns;
  IndexRange channels;
};

constexpr Index kMostRows = 32;  // of the output in one panel

/// Output rows whose dy is transposed: panel[row - begin][position of the tile][channel].
struct RowBlock {
  Index begin;
  Index end;
  Index length;  ///< positions in a row
  const float* panel;
};

/// sums[product][channel] += the products of a block of rows, for one panel of output channels.
void add_panel(const WeightGradient& g, const Share& share, const PackedRows& packed,
               const Panel& panel, const RowBlock& block, Prefetcher& x_prefetcher,
               Prefetcher& dy_prefetcher, float* sums) {
  const Index images = packed.image_count();
  const Index taps = g.rows.tap_count * g.columns.tap_count;
  const ChannelBlocks channels(g.in_channels, kChannelBlock);
  for (Index i = 0; i < g.rows.tap_count; ++i) {
    const IndexRange rows = g.rows.outputs_inside(i);
    const Index top = std::max<Index>(block.begin, rows.begin);
    const Index bottom = std::min<Index>(block.end, rows.end);
    if (top >= bottom) continue;
    for (Index j = 0; j < g.columns.tap_count; ++j) {
      const IndexRange columns = g.columns.outputs_inside(j);
      const Index left = std::max(columns.begin, share.columns.begin) - share.columns.begin;
      const Index right = std::min(columns.end, share.columns.end) - share.columns.begin;
      if (left >= right) continue;
      for (Index c = 0; c < channels.count; ++c) {
        const Index first = channels.begin(c);
        const float* lines[kMostRows];
        for (Index r = top; r < bottom; ++r)
          lines[r - top] =
              packed.memory +
              packed.slot(r * g.rows.stride + g.rows.distance(i)) * packed.row_floats() +
              first * packed.channel_floats + packed.tap_offset(j) + left * images;
        const Products m{
            .panel =
                block.panel + ((top - block.begin) * block.length + left * images) * panel.width,
            .panel_row = block.length * panel.width,
            .x = lines,
            .channel_floats = packed.channel_floats,
            .rows = bottom - top,
            .positions = (right - left) * images,
            .sums = sums + (first * taps + i * g.columns.tap_count + j) * panel.width,
            .sums_stride = taps * panel.width};
        x_prefetcher.some();
        dy_prefetcher.some();
        const Index size = channels.size(c);
        (panel.width == kLanes ? find_accumulate<hn::Half<Floats>>(size)
                               : find_accumulate<Floats>(size))(m);
      }
    }
  }
}

/// Adds the products of `share` to sums[channel][in channel][tap], stored as one matrix
/// [products][width] a panel, and to bias.
void add_share(const WeightGradient& g, const Share& share, float* sums, float* bias) {
  const Index images = share.images.end - share.images.begin;
  const Index columns = share.columns.end - share.columns.begin;
  const Index length = columns * images;
  // Of the widest panel of the group, not of the share, which must not change bits.
  const Index widest = panel_at(g, 0).width;
  const Index block_rows =
      std::clamp<Index>(kPanelFloats / (widest * length), 1, std::min(kMostRows, g.rows.output));
  PackedRows packed(g.rows, g.columns, g.in_channels, g.batch, share.images, share.columns,
                    (block_rows - 1) * g.rows.stride + g.rows.extent());
  packed.memory = scratch(Purpose::rows, packed.slots * packed.row_floats());
  float* const panel_memory = scratch(Purpose::panel, block_rows * length * widest);
  const float* x = g.x + share.group * g.in_channels * g.rows.input * g.columns.input * g.batch;
  const Index dy_channel = g.rows.output * g.columns.output * g.batch;
  const bool contiguous = images == g.batch;
  const auto dy_at = [&](Index channel, Index row) {
    return g.dy + (share.group * g.out_channels + channel) * dy_channel +
           (row * g.columns.output + share.columns.begin) * g.batch + share.images.begin;
  };

  Index next = 0;  // input row to be packed
  for (Index row = 0; row < g.rows.output; row += block_rows) {
    const Index row_end = std::min(row + block_rows, g.rows.output);
    next = std::max({next, row * g.rows.stride + g.rows.lowest(), Index{0}});
    const Index bottom = (row_end - 1) * g.rows.stride + g.rows.highest();
    for (; next <= std::min(bottom, g.rows.input - 1); ++next) pack_row(packed, x, next);

    Prefetcher x_prefetcher = next_rows(packed, x, next, block_rows * g.rows.stride);
    Prefetcher dy_prefetcher;
    if (contiguous && row_end + block_rows <= g.rows.output) {
      const Index channels = share.channels.end - share.channels.begin;
      dy_prefetcher = {dy_at(share.channels.begin, row_end), channels, dy_channel,
                       length * (columns == g.columns.output ? block_rows : 1)};
    }
    const Index calls = ceil_divide(share.channels.end - share.channels.begin, widest) *
                        g.rows.tap_count * g.columns.tap_count *
                        ceil_divide(g.in_channels, kChannelBlock);
    x_prefetcher.spread_over(calls);
    dy_prefetcher.spread_over(calls);

    for (Index begin = share.channels.begin; begin < share.channels.end;) {
      const Panel panel = panel_at(g, begin);
      for (Index r = row; r < row_end; ++r) {
        float* to = panel_memory + (r - row) * length * panel.width;
        const float* from = dy_at(begin, r);
        if (contiguous)
          transpose_line(from, dy_channel, panel, length, to);
        else
          for (Index j = 0; j < columns; ++j)
            transpose_line(from + j * g.batch, dy_channel, panel, images,
                           to + j * images * panel.width);
      }
      if (bias) add_bias(panel_memory, panel.width, (row_end - row) * length, bias + begin);

      const RowBlock rows{row, row_end, length, panel_memory};
      add_panel(g, share, packed, panel, rows, x_prefetcher, dy_prefetcher,
                sums + begin * g.products());
      begin += panel.width;
    }
  }
}

/// dw[channel][product] = sum over parts of sums[part][product][channel], in order.
void write_panel(const WeightGradient& g, const Panel& panel, const float* sums, Index parts,
                 Index part_stride, float* dw) {
  const Floats d;
  const Index products = g.products();
  HWY_ALIGN float block[4 * 2 * kLanes];
  for (Index k = 0; k < products; k += 4) {
    const Index count = std::min<Index>(4, products - k);
    const float* from = sums + k * panel.width;
    if (parts > 1 || count < 4) {
      for (Index i = 0; i < count * panel.width; i += kLanes) {
        FloatVector sum = hn::Load(d, from + i);
        for (Index part = 1; part < parts; ++part)
          sum = hn::Add(sum, hn::Load(d, from + part * part_stride + i));
        hn::Store(sum, d, block + i);
      }
      from = block;
    }
    Index c = 0;
    if (count == 4)
      for (; c + 4 <= panel.channels; c += 4)
        transpose_quad(from + c, panel.width, [&](Index i, hn::Vec<Quad> v) HWY_ATTR {
          hn::StoreU(v, Quad(), dw + (c + i) * products + k);
        });
    for (; c < panel.channels; ++c)
      for (Index i = 0; i < count; ++i) dw[c * products + k + i] = from[i * panel.width + c];
  }
}

void weight_gradient(const WeightGradient& g, float* dw, float* db) {
  const Cut images = cut_images(g.batch);
  const Index panel_width = g.out_channels <= kLanes ? kLanes : 2 * kLanes;
  const Index padded = round_up(g.out_channels, panel_width);
  const Cut columns = cut_evenly(g.columns.output, kPanelFloats / panel_width / images.size);
  // Parts have sums of their own: of some tiles each, and enough positions for the addition of the
  // parts not to count. Where those are few, tasks share the output channels, which changes no
  // bits.
  constexpr Index kTasks = 8, kPartPositions = 4096;
  const Index tiles = images.count * columns.count;
  const Index positions = g.rows.output * g.columns.output * g.batch;
  const Index part_count =
      std::clamp<Index>(positions / kPartPositions, 1, std::min(tiles, kTasks));
  const Cut parts = cut_evenly(tiles, ceil_divide(tiles, part_count));
  const Index panels = ceil_divide(g.out_channels, panel_width);
  const bool serial = in_parallel_body() || num_threads() == 1;
  const Cut shares =
      cut_evenly(panels, serial ? panels : ceil_divide(panels * parts.count, kTasks));

  const Index group_sums = padded * g.products();
  const Index part_sums = g.groups * group_sums, part_bias = g.groups * padded;
  float* const sums = scratch(Purpose::partial_sums, parts.count * part_sums);
  float* const bias = db ? scratch(Purpose::partial_bias, parts.count * part_bias) : nullptr;
  parallel_for(g.groups * parts.count * shares.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (Index task = begin; task < end; ++task) {
      const Index group = task / shares.count / parts.count;
      const Index part = task / shares.count % parts.count;
      const IndexRange part_tiles = parts.piece(part),
                       panel_range = shares.piece(task % shares.count);
      const IndexRange channels{panel_range.begin * panel_width,
                                std::min(panel_range.end * panel_width, g.out_channels)};
      float* const to = sums + part * part_sums + group * group_sums;
      std::fill(to + channels.begin * g.products(),
                to + panel_range.end * panel_width * g.products(), 0.0f);
      float* const to_bias = db ? bias + part * part_bias + group * padded : nullptr;
      if (db) std::fill(to_bias + channels.begin, to_bias + panel_range.end * panel_width, 0.0f);
      for (Index i = part_tiles.begin; i < part_tiles.end; ++i)
        add_share(
            g, {group, images.piece(i / columns.count), columns.piece(i % columns.count), channels},
            to, to_bias);
    }
  });
  parallel_for(g.groups * panels, ceil_divide(1 << 15, g.products() * panel_width),
               [&](std::int64_t begin, std::int64_t end) {
                 for (Index task = begin; task < end; ++task) {
                   const Index group = task / panels;
                   const Panel panel = panel_at(g, task % panels * panel_width);
                   const Index first = group * g.out_channels + panel.begin;
                   write_panel(g, panel, sums + group * group_sums + panel.begin * g.products(),
                               parts.count, part_sums, dw + first * g.products());
                   if (!db) continue;
                   for (Index c = 0; c < panel.channels; ++c) {
                     const float* from = bias + group * padded + panel.begin + c;
                     float sum = from[0];
                     for (Index part = 1; part < parts.count; ++part) sum += from[part * part_bias];
                     db[first + c] = sum;
                   }
                 }
               });
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::convolution::blocked
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {
namespace convolution::blocked {
HWY_EXPORT(weight_gradient);
}

void conv2d_blocked_weight_gradient(const ConvGeometry& g, const float* x, const float* dy,
                                    float* dw, float* db) {
  HWY_DYNAMIC_DISPATCH(convolution::blocked::weight_gradient)
  (convolution::weight_gradient_of(g, x, dy), dw, db);
}

}  // namespace tenon::kernels::simd
#endif
