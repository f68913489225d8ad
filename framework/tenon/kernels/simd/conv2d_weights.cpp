#include <array>
#include <utility>

#include "tenon/core/parallel.h"
#include "tenon/kernels/simd/conv2d.h"
#include "tenon/kernels/simd/conv2d_internal.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/conv2d_weights.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/conv2d-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::convolution::direct {
namespace HWY_NAMESPACE {

constexpr Index kMaxChannels = 4, kMaxProducts = 9;
/// Products in a block of r channels; alone, one channel takes all 9 of a depthwise kernel.
constexpr Index products_of(Index r) { return r == 1 ? 9 : std::min<Index>(8, kSums / r); }

/// What `accumulate` does, for R channels and P products:
/// sums[r][p] = sum over rows and positions of dy[r] x[offsets[p]], lane by lane.
struct Products {
  const float* x;
  const float* dy;
  const Index* offsets;
  Index rows;
  Index length;  ///< of a row
  Index x_row;
  Index dy_channel;
  float* sums;
  Index sums_channel;
};

template <Index R, Index P>
HWY_NOINLINE void accumulate(const Products& products) {
  const Floats d;
  const Products m = products;
  FloatVector sums[R][P];
#pragma GCC unroll 9
  for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 9
    for (Index p = 0; p < P; ++p) sums[r][p] = hn::Zero(d);
  }
  const float* xs[P];
#pragma GCC unroll 9
  for (Index p = 0; p < P; ++p) xs[p] = m.x + m.offsets[p];
  const auto add = [&](const auto& part, const float* dy, Index at) HWY_ATTR {
    add_products<FloatVector, R, P>(
        sums, [&](Index r) HWY_ATTR { return part.load(d, dy + r * m.dy_channel); },
        [&](Index p) HWY_ATTR { return part.load(d, xs[p] + at); });
  };
  const float* dy = m.dy;
  const Index whole = m.length / kLanes * kLanes;
  const FirstLanes rest{static_cast<std::size_t>(m.length - whole)};
  for (Index row = 0; row < m.rows; ++row, dy += m.length) {
    const Index at = row * m.x_row;
#pragma GCC unroll 2
    for (Index i = 0; i < whole; i += kLanes) add(AllLanes(), dy + i, at + i);
    if (rest.count > 0) add(rest, dy + whole, at + whole);
  }
#pragma GCC unroll 9
  for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 9
    for (Index p = 0; p < P; ++p)
      hn::Store(sums[r][p], d, m.sums + r * m.sums_channel + p * kLanes);
  }
}

using Accumulate = void (*)(const Products&);
template <Index R, std::size_t... P>
constexpr std::array<Accumulate, kMaxProducts> accumulate_by_products(std::index_sequence<P...>) {
  return {accumulate<R, std::min(static_cast<Index>(P) + 1, products_of(R))>...};
}
Accumulate find_accumulate(Index r, Index p) {
  using Each = std::make_index_sequence<kMaxProducts>;
  static constexpr std::array<Accumulate, kMaxProducts> kernels[kMaxChannels] = {
      accumulate_by_products<1>(Each()), accumulate_by_products<2>(Each()),
      accumulate_by_products<3>(Each()), accumulate_by_products<4>(Each())};
  return kernels[r - 1][static_cast<std::size_t>(p - 1)];
}

/// Half cycles of a block of r channels and p products: multiply-adds, loads, or the latency of the
/// sums.
Index cost(Index r, Index p) { return std::max<Index>({r * p, r + p, 8}); }

/// The channels of a block that take the least time.
Index choose_channels(Index channels, Index products) {
  Index best = 1;
  double least = 1e300;
  for (Index r = std::min(kMaxChannels, channels); r > 0; --r) {
    const Index p = std::min(products_of(r), products);
    const ChannelBlocks by_r(channels, r), by_p(products, p);
    // Blocks have one of two sizes along each side.
    const auto shares = [](const ChannelBlocks& blocks) {
      const Index large = blocks.total % blocks.count, small_size = blocks.total / blocks.count;
      return std::array<std::pair<Index, Index>, 2>{
          {{large, small_size + 1}, {blocks.count - large, small_size}}};
    };
    double time = 0;
    for (const auto& [r_count, r_size] : shares(by_r))
      for (const auto& [p_count, p_size] : shares(by_p))
        time += static_cast<double>(r_count * p_count * cost(r_size, p_size));
    if (time < least * 0.99) {
      least = time;
      best = r;
    }
  }
  return best;
}

using Quad = hn::FixedTag<float, 4>;
/// The four sums of four parts of a vector.
template <class D>
HWY_INLINE hn::Vec<Quad> quarter_sums([[maybe_unused]] D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return quarter_sums(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
/// The sums of the lanes of four vectors.
HWY_INLINE hn::Vec<Quad> lane_sums(const float* vectors) {
  const Floats d;
  const Quad q;
  const auto v0 = quarter_sums(d, hn::Load(d, vectors));
  const auto v1 = quarter_sums(d, hn::Load(d, vectors + kLanes));
  const auto v2 = quarter_sums(d, hn::Load(d, vectors + 2 * kLanes));
  const auto v3 = quarter_sums(d, hn::Load(d, vectors + 3 * kLanes));
  const auto a = hn::Add(hn::InterleaveLower(q, v0, v2), hn::InterleaveUpper(q, v0, v2));
  const auto b = hn::Add(hn::InterleaveLower(q, v1, v3), hn::InterleaveUpper(q, v1, v3));
  return hn::Add(hn::InterleaveLower(q, a, b), hn::InterleaveUpper(q, a, b));
}

/// dw[i] = or += the sum of the lanes of vector i.
void write_sums(const float* vectors, Index count, bool add, float* dw) {
  const Quad q;
  Index i = 0;
  for (; i + 4 <= count; i += 4) {
    const auto sums = lane_sums(vectors + i * kLanes);
    hn::StoreU(add ? hn::Add(hn::LoadU(q, dw + i), sums) : sums, q, dw + i);
  }
  for (; i < count; ++i) {
    const auto sums = quarter_sums(Floats(), hn::Load(Floats(), vectors + i * kLanes));
    const float sum = hn::GetLane(hn::SumOfLanes(q, sums));
    dw[i] = add ? dw[i] + sum : sum;
  }
}

float sum_of(const float* x, Index count) {
  const Floats d;
  constexpr Index kParts = 4;
  FloatVector sums[kParts];
  for (FloatVector& sum : sums) sum = hn::Zero(d);
  Index i = 0;
  for (; i + kParts * kLanes <= count; i += kParts * kLanes) {
#pragma GCC unroll 4
    for (Index k = 0; k < kParts; ++k) sums[k] = hn::Add(sums[k], hn::LoadU(d, x + i + k * kLanes));
  }
  for (; i + kLanes <= count; i += kLanes) sums[0] = hn::Add(sums[0], hn::LoadU(d, x + i));
  if (i < count)
    sums[1] = hn::Add(sums[1], FirstLanes{static_cast<std::size_t>(count - i)}.load(d, x + i));
  const FloatVector sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

/// The share of the output rows [begin, end) of one group, in chunks that stay in the cache.
void add_rows(const WeightGradient& g, const RowLayout& layout, Index group, IndexRange range,
              Index chunk, float* dw, float* db) {
  thread_local Scratch<float> packed_memory, sum_memory;
  thread_local Scratch<Index> offset_memory;
  const Index products = g.products(), length = g.row_length();
  const float* const x = g.x + group * g.in_channels * g.rows.input * g.columns.input * g.batch;
  const Index dy_channel = g.rows.output * length;
  const float* const dy = g.dy + group * g.out_channels * dy_channel;
  const ChannelBlocks channel_blocks(g.out_channels, choose_channels(g.out_channels, products));
  const ChannelBlocks product_blocks(
      products, products_of(ceil_divide(g.out_channels, channel_blocks.count)));
  float* const sums = sum_memory.at_least(kMaxChannels * products * kLanes);
  Index* const offsets = offset_memory.at_least(products);
  Index offset_rows = -1;

  for (Index first = range.begin; first < range.end; first += chunk) {
    const Index rows = std::min(chunk, range.end - first);
    Index x_rows = g.rows.input;
    const float* from = x + first * g.rows.stride * layout.row_floats;
    if (layout.packed) {
      const Index first_row = first * g.rows.stride + g.rows.lowest();
      x_rows = (rows - 1) * g.rows.stride + g.rows.extent();
      float* const packed = packed_memory.at_least(g.in_channels * x_rows * layout.row_floats);
      pack_rows(g.rows, g.columns, layout, g.batch, g.in_channels, {first_row, first_row + x_rows},
                x, packed);
      from = packed;
    }
    if (offset_rows != x_rows) {
      offset_rows = x_rows;
      Index* to = offsets;
      for (Index c = 0; c < g.in_channels; ++c)
        for (Index i = 0; i < g.rows.tap_count; ++i)
          for (Index j = 0; j < g.columns.tap_count; ++j)
            *to++ = (c * x_rows + g.rows.distance(i) - (layout.packed ? g.rows.lowest() : 0)) *
                        layout.row_floats +
                    layout.column_offset(g.columns, j, g.batch);
    }
    const bool add = first > range.begin;
    for (Index block = 0; block < channel_blocks.count; ++block) {
      const Index begin = channel_blocks.begin(block), size = channel_blocks.size(block);
      Products m{.x = from,
                 .dy = dy + begin * dy_channel + first * length,
                 .offsets = offsets,
                 .rows = rows,
                 .length = length,
                 .x_row = g.rows.stride * layout.row_floats,
                 .dy_channel = dy_channel,
                 .sums = sums,
                 .sums_channel = products * kLanes};
      for (Index i = 0; i < product_blocks.count; ++i) {
        const Index count = product_blocks.size(i);
        find_accumulate(size, count)(m);
        m.offsets += count;
        m.sums += count * kLanes;
      }
      for (Index o = 0; o < size; ++o) {
        write_sums(sums + o * m.sums_channel, products, add, dw + (begin + o) * products);
        if (!db) continue;
        const float sum = sum_of(m.dy + o * dy_channel, rows * length);
        db[begin + o] = add ? db[begin + o] + sum : sum;
      }
    }
  }
}

void weight_gradient(const WeightGradient& g, float* dw, float* db) {
  const bool packed = g.columns.stride != 1 || reads_outside(g.columns) || reads_outside(g.rows);
  const RowLayout layout(g.columns, g.batch, packed);

  // Rows are cut into parts with sums of their own, and these into chunks of about 256 KB.
  constexpr Index kMaxParts = 16, kChunkFloats = 64 * 1024;
  const Index length = g.row_length(), products = g.products(), rows = g.rows.output;
  const double group_work = static_cast<double>(rows * length) *
                            static_cast<double>(g.out_channels) * static_cast<double>(products);
  const Index wanted =
      std::min<Index>(kMaxParts / g.groups, static_cast<Index>(group_work / (2 * kTaskWork)));
  const Index part_rows = ceil_divide(rows, std::clamp<Index>(wanted, 1, rows));
  const Index parts = ceil_divide(rows, part_rows);
  const Index row_floats =
      g.out_channels * length + g.in_channels * g.rows.stride * layout.row_floats;
  const Index chunk =
      ceil_divide(part_rows, ceil_divide(part_rows, std::max<Index>(1, kChunkFloats / row_floats)));

  const Index group_size = g.out_channels * products, size = g.groups * group_size,
              channels = g.groups * g.out_channels;
  thread_local Scratch<float> memory;
  float* const others = parts > 1 ? memory.at_least((parts - 1) * (size + channels)) : nullptr;
  const auto dw_of = [&](Index part) {
    return part == 0 ? dw : others + (part - 1) * (size + channels);
  };
  const auto db_of = [&](Index part) { return part == 0 ? db : db ? dw_of(part) + size : nullptr; };
  const Index grain = parts > 1 ? 1 : static_cast<Index>(kTaskWork / (group_work + 1)) + 1;
  parallel_for(g.groups * parts, grain, [&](std::int64_t begin, std::int64_t end) {
    for (Index i = begin; i < end; ++i) {
      const Index group = i / parts, part = i % parts;
      float* const part_db = db_of(part);
      add_rows(g, layout, group, {part * part_rows, std::min(rows, (part + 1) * part_rows)}, chunk,
               dw_of(part) + group * group_size,
               part_db ? part_db + group * g.out_channels : nullptr);
    }
  });
  for (Index part = 1; part < parts; ++part) {
    const float* from = dw_of(part);
    for (Index i = 0; i < size; ++i) dw[i] += from[i];
    if (!db) continue;
    for (Index i = 0; i < channels; ++i) db[i] += from[size + i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::convolution::direct
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {
namespace convolution::direct {
HWY_EXPORT(weight_gradient);
}

void conv2d_weight_gradient(const ConvGeometry& g, const float* x, const float* dy, float* dw,
                            float* db) {
  HWY_DYNAMIC_DISPATCH(convolution::direct::weight_gradient)
  (convolution::weight_gradient_of(g, x, dy), dw, db);
}

}  // namespace tenon::kernels::simd
#endif
