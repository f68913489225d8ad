#include "tenon/kernels/simd/conv2d.h"

#include "tenon/core/parallel.h"
#include "tenon/kernels/simd/conv2d_internal.h"
#include "tenon/kernels/simd/elementwise.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/conv2d.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/conv2d-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::convolution::direct {
namespace HWY_NAMESPACE {

constexpr Index kChannelBlock = 6;
/// Short rows and columns at the edge take vectors of at most 8 lanes.
using FewFloats = hn::CappedTag<float, 8>;
constexpr Index kFewLanes = static_cast<Index>(hn::MaxLanes(FewFloats()));

/// What `multiply` does, for blocks of R output channels and V vectors of positions:
/// y[r][position] = bias[r] + sum over channels and taps of w[r] x[position].
struct Blocks {
  const float* x;
  const float* w;
  const Tap* taps;
  Index tap_count;
  Index channels;
  Index x_channel;
  Index w_channel;
  Index w_out;
  const float* bias;  ///< null: 0
  float* y;
  Index y_stride;  ///< from one channel to the next
  Index count;
  Index last;  ///< where the second vector of a pair starts, or the lanes of a partial vector
};

/// How the vectors of a block lie.
struct SideBySide {
  explicit SideBySide(Index) {}
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const float* x, Index v) const {
    return hn::LoadU(d, x + v * static_cast<Index>(hn::MaxLanes(d)));
  }
  template <class D>
  HWY_INLINE void store(hn::Vec<D> sum, D d, float* y, Index v) const {
    hn::StoreU(sum, d, y + v * static_cast<Index>(hn::MaxLanes(d)));
  }
};
/// Two that may overlap: what both write is the same.
struct Pair {
  Index second;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const float* x, Index v) const {
    return hn::LoadU(d, v == 0 ? x : x + second);
  }
  template <class D>
  HWY_INLINE void store(hn::Vec<D> sum, D d, float* y, Index v) const {
    hn::StoreU(sum, d, v == 0 ? y : y + second);
  }
};
/// One, of which the first lanes are read and written.
struct Partial {
  Index lanes;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const float* x, Index) const {
    return FirstLanes{static_cast<std::size_t>(lanes)}.load(d, x);
  }
  template <class D>
  HWY_INLINE void store(hn::Vec<D> sum, D d, float* y, Index) const {
    FirstLanes{static_cast<std::size_t>(lanes)}.store(sum, d, y);
  }
};

template <class D, Index R, Index V, class Vectors>
HWY_NOINLINE void multiply(const Blocks& blocks) {
  const D d;
  const Blocks m = blocks;
  const Vectors vectors{m.last};
  constexpr Index kStep = V * static_cast<Index>(hn::MaxLanes(D()));
  const float* x = m.x;
  float* y = m.y;
  for (Index block = 0; block < m.count; ++block, x += kStep, y += kStep) {
    hn::Vec<D> sums[R][V];
#pragma GCC unroll 8
    for (Index r = 0; r < R; ++r) {
      const hn::Vec<D> start = m.bias ? hn::Set(d, m.bias[r]) : hn::Zero(d);
#pragma GCC unroll 8
      for (Index v = 0; v < V; ++v) sums[r][v] = start;
    }
    const float* channel = x;
    const float* channel_w = m.w;
    for (Index c = 0; c < m.channels; ++c, channel += m.x_channel, channel_w += m.w_channel) {
      const Tap* const end = m.taps + m.tap_count;
#pragma GCC unroll 1
      for (const Tap* tap = m.taps; tap < end; ++tap) {
        const float* const from = channel + tap->x;
        const float* const w = channel_w + tap->w;
        add_products<hn::Vec<D>, R, V>(
            sums, [&](Index r) HWY_ATTR { return hn::Set(d, w[r * m.w_out]); },
            [&](Index v) HWY_ATTR { return vectors.load(d, from, v); });
      }
    }
#pragma GCC unroll 8
    for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (Index v = 0; v < V; ++v) vectors.store(sums[r][v], d, y + r * m.y_stride, v);
    }
  }
}

using Multiply = void (*)(const Blocks&);
struct Multipliers {
  Multiply wide, pair, single;
  Index vectors;  ///< in a wide block
};
template <class D, Index R, Index V>
constexpr Multipliers kMultipliers = {multiply<D, R, V, SideBySide>, multiply<D, R, 2, Pair>,
                                      multiply<D, R, 1, SideBySide>, V};
constexpr Index wide(Index r) { return std::min<Index>(8, kSums / r); }
constexpr Multipliers kByChannels[kChannelBlock] = {
    kMultipliers<Floats, 1, wide(1)>, kMultipliers<Floats, 2, wide(2)>,
    kMultipliers<Floats, 3, wide(3)>, kMultipliers<Floats, 4, wide(4)>,
    kMultipliers<Floats, 5, wide(5)>, kMultipliers<Floats, 6, wide(6)>};
constexpr Multipliers kFewByChannels[kChannelBlock] = {
    kMultipliers<FewFloats, 1, 2>, kMultipliers<FewFloats, 2, 2>, kMultipliers<FewFloats, 3, 2>,
    kMultipliers<FewFloats, 4, 2>, kMultipliers<FewFloats, 5, 2>, kMultipliers<FewFloats, 6, 2>};
constexpr Multiply kPartial[kChannelBlock] = {
    multiply<FewFloats, 1, 1, Partial>, multiply<FewFloats, 2, 1, Partial>,
    multiply<FewFloats, 3, 1, Partial>, multiply<FewFloats, 4, 1, Partial>,
    multiply<FewFloats, 5, 1, Partial>, multiply<FewFloats, 6, 1, Partial>};

/// Runs `m` over `length` positions from m.x and m.y on.
void multiply_row(Index channels, Blocks m, Index length) {
  m.count = 1;
  if (length < kFewLanes) {
    m.last = length;
    return kPartial[channels - 1](m);
  }
  const bool few = kLanes > kFewLanes && length <= kLanes;
  const Multipliers& kernels = few ? kFewByChannels[channels - 1] : kByChannels[channels - 1];
  const Index lanes = few ? kFewLanes : kLanes, block = kernels.vectors * lanes;
  Index left = length;
  const auto skip = [&](Index floats) {
    m.x += floats;
    m.y += floats;
    left -= floats;
  };
  if (left >= block) {
    m.count = left / block;
    kernels.wide(m);
    skip(m.count * block);
    m.count = 1;
    // Pairs of few channels wait for each other: 8 multiply-adds could run meanwhile.
    const Index pairs = ceil_divide(left, 2 * lanes);
    if (pairs * std::max<Index>(8, 2 * channels) > kernels.vectors * channels) {
      skip(left - block);
      return kernels.wide(m);
    }
  }
  while (left > lanes) {
    m.last = std::min(left - lanes, lanes);
    kernels.pair(m);
    skip(m.last + lanes);
  }
  if (left > 0) {  // with some of the positions before, if there are too few
    skip(left - lanes);
    kernels.single(m);
  }
}

/// Rows [begin, end) of the output of one group.
void run_rows(const Gather& g, const RowLayout& layout, const Runs& runs, Index group,
              IndexRange range) {
  const Index row_length = g.columns.output * g.batch;
  const float* x = g.x + group * g.in_channels * g.rows.input * g.columns.input * g.batch;
  Index first_row = 0, x_channel = g.rows.input * layout.row_floats;
  if (layout.packed) {
    thread_local Scratch<float> memory;
    first_row = range.begin * g.rows.stride + g.rows.lowest();
    const Index count = (range.end - 1 - range.begin) * g.rows.stride + g.rows.extent();
    x_channel = count * layout.row_floats;
    float* const packed = memory.at_least(g.in_channels * x_channel);
    pack_rows(g.rows, g.columns, layout, g.batch, g.in_channels, {first_row, first_row + count}, x,
              packed);
    x = packed;
  }
  const Index y_channel = g.rows.image * g.columns.image * g.batch;
  float* const y_group = g.y + group * g.out_channels * y_channel;
  const float* const w_group = g.w + group * g.group_weights();
  const float* const bias = g.b ? g.b + group * g.out_channels : nullptr;
  const bool contiguous = g.columns.step == 1;
  thread_local Scratch<float> sum_memory;
  float* const sums = contiguous ? nullptr : sum_memory.at_least(kChannelBlock * row_length);
  const ChannelBlocks blocks(g.out_channels, kChannelBlock);
  // Short rows are activated together.
  constexpr Index kActivatedFloats = 2048;
  Index next_activated = range.begin;

  for (Index row = range.begin; row < range.end; ++row) {
    const IndexRange row_taps = g.rows.taps_inside(row, row + 1);
    const float* const x_row = x + (row * g.rows.stride - first_row) * layout.row_floats;
    float* const y_row =
        y_group +
        ((g.rows.first + row * g.rows.step) * g.columns.image + g.columns.first) * g.batch;
    for (Index block = 0; block < blocks.count; ++block) {
      const Index begin = blocks.begin(block), size = blocks.size(block);
      float* const y = y_row + begin * y_channel;
      Blocks m{};
      m.x_channel = x_channel;
      m.w_channel = g.w_in_stride;
      m.w_out = g.w_out_stride;
      m.w = w_group + begin * g.w_out_stride;
      m.bias = bias ? bias + begin : nullptr;
      m.y_stride = contiguous ? y_channel : row_length;
      for (const ColumnRun* run = runs.first; run < runs.first + runs.count; ++run) {
        m.x = x_row + run->begin;
        m.y = (contiguous ? y : sums) + run->begin;
        m.taps = run->taps + row_taps.begin * run->tap_count;
        m.tap_count = (row_taps.end - row_taps.begin) * run->tap_count;
        m.channels = g.in_channels;
        multiply_row(size, m, run->end - run->begin);
      }
      if (contiguous) continue;
      for (Index o = 0; o < size; ++o)
        for (Index j = 0; j < g.columns.output; ++j)
          std::memcpy(y + o * y_channel + j * g.columns.step * g.batch,
                      sums + o * row_length + j * g.batch,
                      static_cast<std::size_t>(g.batch) * sizeof(float));
    }
    if (g.activation == Activation::none) continue;
    const Index waiting = (row + 1 - next_activated) * row_length;
    if (row + 1 < range.end && (waiting + row_length) * g.out_channels <= kActivatedFloats)
      continue;
    for (Index o = 0; o < g.out_channels; ++o) {
      float* const line = y_group + o * y_channel + next_activated * row_length;
      activate(g.activation, line, line, waiting);
    }
    next_activated = row + 1;
  }
}

void gather(const Gather& g) {
  if (g.rows.output == 0 || g.columns.output == 0) return;
  // Columns at the edge, which have fewer taps, are runs of their own if they fill a vector.
  const bool packed = g.columns.stride != 1 || (reads_outside(g.columns) && g.batch < kFewLanes);
  const RowLayout layout(g.columns, g.batch, packed);
  // Zeros around the image may stand for what is not there unless a weight turns them into NaN.
  const bool by_column =
      !packed || (reads_outside(g.columns) && !is_finite(g.w, g.groups * g.group_weights()));
  const Runs runs = find_runs(g, layout, by_column);

  const double row_work =
      static_cast<double>(g.columns.output * g.batch * g.out_channels) *
      static_cast<double>(g.in_channels * g.rows.tap_count * g.columns.tap_count);
  Index rows =
      std::clamp<Index>(static_cast<Index>(kTaskWork / (row_work + 1)) + 1, 1, g.rows.output);
  // Neighbouring tasks pack the rows between them twice.
  if (packed)
    rows = std::min(g.rows.output, std::max(rows, 4 * ceil_divide(g.rows.extent(), g.rows.stride)));
  const Index pieces = ceil_divide(g.rows.output, rows);
  const auto grain = static_cast<Index>(kTaskWork / (row_work * static_cast<double>(rows) + 1)) + 1;
  parallel_for(
      g.groups * pieces, pieces > 1 ? 1 : grain, [&](std::int64_t begin, std::int64_t end) {
        for (Index i = begin; i < end; ++i) {
          const Index first = i % pieces * rows;
          run_rows(g, layout, runs, i / pieces, {first, std::min(first + rows, g.rows.output)});
        }
      });
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::convolution::direct
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {
namespace convolution::direct {
HWY_EXPORT(gather);
}

void conv2d(const ConvGeometry& g, const float* x, const float* w, const float* b,
            Activation activation, float* y) {
  HWY_DYNAMIC_DISPATCH(convolution::direct::gather)
  (convolution::forward_gather(g, x, w, b, activation, y));
}

void conv2d_input_gradient(const ConvGeometry& g, const float* dy, const float* w, float* dx) {
  for (const convolution::Gather& phase : convolution::input_gradient_gathers(g, dy, w, dx))
    HWY_DYNAMIC_DISPATCH(convolution::direct::gather)(phase);
}

}  // namespace tenon::kernels::simd
#endif
