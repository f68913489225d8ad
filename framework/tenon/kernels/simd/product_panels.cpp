#include <algorithm>
#include <array>
#include <cstring>

#include "tenon/kernels/scratch_internal.h"
#include "tenon/kernels/simd/product_internal.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/product_panels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::product {
namespace HWY_NAMESPACE {

// Registers: 6 rows x 4 vectors of the 32 of AVX-512, 6 x 2 of the 16 of AVX2; one vector leaves
// room for 12 rows. Up to 16 columns take vectors of 8: a load of one number feeds two of them.
using Narrow = hn::CappedTag<float, 8>;
constexpr Index kMaxVectors = HWY_TARGET == HWY_AVX3 ? 4 : 2;
constexpr Index kPanel = kMaxVectors * kLanes;
using simd::HWY_NAMESPACE::FirstLanes;
using simd::HWY_NAMESPACE::transpose;
constexpr Index kMaxRows = 12;
// What is worked on together: numbers of k, so that a panel of b stays near, and rows, so that this
// part of a stays in the second-level cache for all panels.
constexpr Index kDepth = 1024;
constexpr Index kRows = 192;

/// `count` blocks of R rows x V vectors, one below the other: c = (c or bias) + a b.
struct Blocks {
  const float* a;
  const float* b;
  float* c;
  Index a_row, a_column, b_row, c_row;
  Index k;
  const float* row_bias;
  const float* column_bias;
  bool accumulate;
  Index count;
};

template <class D, Index R, Index V>
HWY_NOINLINE void multiply(const Blocks& blocks) {
  const D d;
  using Vector = hn::Vec<D>;
  constexpr auto kLength = static_cast<Index>(hn::MaxLanes(D()));
  const Blocks m = blocks;
  const Index row = m.a_row;
  for (Index block = 0; block < m.count; ++block) {
    const float* const a_block = m.a + block * R * row;
    float* const c = m.c + block * R * m.c_row;
    Vector sum[R][V];
#pragma GCC unroll 12
    for (Index r = 0; r < R; ++r) {
      const Vector bias = m.row_bias ? hn::Set(d, m.row_bias[block * R + r]) : hn::Zero(d);
#pragma GCC unroll 4
      for (Index v = 0; v < V; ++v)
        sum[r][v] = m.accumulate    ? hn::LoadU(d, c + r * m.c_row + v * kLength)
                    : m.column_bias ? hn::LoadU(d, m.column_bias + v * kLength)
                                    : bias;
    }
    // Every fourth row has a pointer of its own: 12 rows would not fit the address registers.
    const float* a0 = a_block;
    const float* a4 = a_block + (R > 4 ? 4 * row : 0);
    const float* a8 = a_block + (R > 8 ? 8 * row : 0);
    const float* b = m.b;
#pragma GCC unroll 2
    for (Index k = 0; k < m.k; ++k) {
      Vector bs[V];
#pragma GCC unroll 4
      for (Index v = 0; v < V; ++v) bs[v] = keep(hn::LoadU(d, b + v * kLength));
#pragma GCC unroll 12
      for (Index r = 0; r < R; ++r) {
        const float* const from = (r < 4 ? a0 : r < 8 ? a4 : a8) + r % 4 * row;
        const Vector factor = keep(hn::Set(d, *from));
#pragma GCC unroll 4
        for (Index v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(factor, bs[v], sum[r][v]);
      }
      a0 += m.a_column;
      if (R > 4) a4 += m.a_column;
      if (R > 8) a8 += m.a_column;
      b += m.b_row;
    }
#pragma GCC unroll 12
    for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (Index v = 0; v < V; ++v) hn::StoreU(sum[r][v], d, c + r * m.c_row + v * kLength);
    }
  }
}

using Multiply = void (*)(const Blocks&);

constexpr Index ceil_divide(Index a, Index b) { return (a + b - 1) / b; }

/// Blocks of one height.
struct Kernel {
  Index rows;
  Index count;
  Multiply multiply;
};
/// The first of the blocks that `total` rows divide into: nearly equal ones, since low ones wait
/// for memory.
template <class D, Index V>
Kernel find_kernel(Index total) {
  constexpr Index kMost = V * 2 <= kMaxVectors || V == 1 ? kMaxRows : kMaxRows / 2;
  const Index blocks = ceil_divide(total, kMost);
  const Index rows = ceil_divide(total, blocks), count = total - blocks * (rows - 1);
  if constexpr (kMost == kMaxRows) {
    switch (rows) {
      case 12: return {12, count, multiply<D, 12, V>};
      case 10: return {10, count, multiply<D, 10, V>};
      case 8: return {8, count, multiply<D, 8, V>};
      case 11: return {6, 1, multiply<D, 6, V>};
      case 9: return {5, 1, multiply<D, 5, V>};
      case 7: return {4, 1, multiply<D, 4, V>};
      default: break;
    }
  }
  switch (rows) {
    case 1: return {1, count, multiply<D, 1, V>};
    case 2: return {2, count, multiply<D, 2, V>};
    case 3: return {3, count, multiply<D, 3, V>};
    case 4: return {4, count, multiply<D, 4, V>};
    case 5: return {5, count, multiply<D, 5, V>};
    default: return {6, count, multiply<D, 6, V>};
  }
}

/// The columns of the narrowest panel that holds `columns`, which is at most kPanel.
Index width_for(Index columns) {
  constexpr auto kNarrow = static_cast<Index>(hn::MaxLanes(Narrow()));
  const Index unit = columns <= 2 * kNarrow ? kNarrow : kLanes;
  return ceil_divide(columns, unit) * unit;
}
Kernel find_kernel(Index width, Index rows) {
  constexpr auto kNarrow = static_cast<Index>(hn::MaxLanes(Narrow()));
  if (width == kNarrow) return find_kernel<Narrow, 1>(rows);
  if (width == 2 * kNarrow) return find_kernel<Narrow, 2>(rows);
  if constexpr (kMaxVectors == 4) {
    if (width == 3 * kLanes) return find_kernel<Floats, 3>(rows);
    if (width == 4 * kLanes) return find_kernel<Floats, 4>(rows);
  }
  return find_kernel<Floats, 2>(rows);
}

/// b as [depth][width], with zeros behind `columns`.
void pack(const MatrixProduct& p, const float* b, Index depth, Index columns, Index width,
          float* packed) {
  const Narrow d;
  constexpr auto kStep = static_cast<Index>(hn::MaxLanes(Narrow()));
  if (p.b_column == 1) {
    const Index whole = columns / kStep * kStep;
    const FirstLanes rest{static_cast<std::size_t>(columns - whole)};
    for (Index k = 0; k < depth; ++k, b += p.b_row, packed += width) {
      for (Index j = 0; j < whole; j += kStep) hn::Store(hn::LoadU(d, b + j), d, packed + j);
      for (Index j = whole; j < width; j += kStep)
        hn::Store(j < columns ? rest.load(d, b + j) : hn::Zero(d), d, packed + j);
    }
    return;
  }
  if (columns < width)
    for (Index k = 0; k < depth; ++k)
      std::fill(packed + k * width + columns, packed + (k + 1) * width, 0.0f);
  if (p.b_row == 1) return transpose(b, p.b_column, packed, width, depth, columns);
  for (Index k = 0; k < depth; ++k)
    for (Index j = 0; j < columns; ++j) packed[k * width + j] = b[k * p.b_row + j * p.b_column];
}

/// A block of c that is not made of whole contiguous vectors is computed beside it.
void multiply_aside(const MatrixProduct& p, Multiply kernel, Blocks blocks, Index rows,
                    Index columns, Index width) {
  HWY_ALIGN float tile[kMaxRows * kPanel];
  HWY_ALIGN float bias[kPanel] = {};
  float* const c = blocks.c;
  if (blocks.accumulate) {
    for (Index r = 0; r < rows; ++r)
      for (Index j = 0; j < columns; ++j) tile[r * width + j] = c[r * p.c_row + j * p.c_column];
  } else if (blocks.column_bias) {
    std::copy_n(blocks.column_bias, columns, bias);
    blocks.column_bias = bias;
  }
  blocks.c = tile;
  blocks.c_row = width;
  kernel(blocks);
  if (p.c_column != 1) {
    for (Index j = 0; j < columns; ++j)
      for (Index r = 0; r < rows; ++r) c[r * p.c_row + j * p.c_column] = tile[r * width + j];
    return;
  }
  const Narrow d;
  constexpr auto kStep = static_cast<Index>(hn::MaxLanes(Narrow()));
  const Index whole = columns / kStep * kStep;
  const FirstLanes rest{static_cast<std::size_t>(columns - whole)};
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < whole; j += kStep)
      hn::StoreU(hn::Load(d, tile + r * width + j), d, c + r * p.c_row + j);
    if (whole < columns)
      rest.store(hn::Load(d, tile + r * width + whole), d, c + r * p.c_row + whole);
  }
}

/// Whether reading the rows of b where they lie beats a copy of them: they are whole vectors, near
/// each other, or hardly reused.
bool stays(const MatrixProduct& p, Index columns, Index width) {
  if (p.b_column != 1 || columns < width) return false;
  return p.m <= 2 * kMaxRows || p.b_row <= 2 * width;
}

/// Rows of a whose numbers lie apart, side by side.
void pack_rows(const MatrixProduct& p, float* packed) {
  if (p.a_row != 1) {
    for (Index i = 0; i < p.m; ++i)
      for (Index k = 0; k < p.k; ++k) packed[k * p.m + i] = p.a[i * p.a_row + k * p.a_column];
    return;
  }
  const float* a = p.a;
  for (Index k = 0; k < p.k; ++k, a += p.a_column, packed += p.m)
    std::memcpy(packed, a, static_cast<std::size_t>(p.m) * sizeof(float));
}

/// One range of rows and of k.
void multiply_part(const MatrixProduct& p, bool accumulate, float* panel) {
  for (Index column = 0; column < p.n; column += kPanel) {
    const Index columns = std::min(kPanel, p.n - column);
    const Index width = width_for(columns);
    const float* const b = p.b + column * p.b_column;
    const bool direct = stays(p, columns, width);
    if (!direct) pack(p, b, p.k, columns, width, panel);
    const bool aside = columns < width || p.c_column != 1;
    for (Index row = 0; row < p.m;) {
      const Kernel kernel = find_kernel(width, p.m - row);
      const Index count = aside ? 1 : kernel.count;
      const Blocks blocks{.a = p.a + row * p.a_row,
                          .b = direct ? b : panel,
                          .c = p.c + row * p.c_row + column * p.c_column,
                          .a_row = p.a_row,
                          .a_column = p.a_column,
                          .b_row = direct ? p.b_row : width,
                          .c_row = p.c_row,
                          .k = p.k,
                          .row_bias = p.row_bias ? p.row_bias + row : nullptr,
                          .column_bias = p.column_bias ? p.column_bias + column : nullptr,
                          .accumulate = accumulate,
                          .count = count};
      if (aside)
        multiply_aside(p, kernel.multiply, blocks, kernel.rows, columns, width);
      else
        kernel.multiply(blocks);
      row += kernel.rows * count;
    }
  }
}

void panels(const MatrixProduct& p) {
  thread_local Scratch<float> panel_memory, row_memory;
  const Index depth = ceil_divide(p.k, ceil_divide(p.k, kDepth));
  const Index rows = ceil_divide(p.m, ceil_divide(p.m, kRows));
  const bool packs_rows = p.a_column != 1 && p.n > 2 * kPanel && p.m > kMaxRows;
  float* const panel = panel_memory.at_least(depth * kPanel);
  for (Index k = 0; k < p.k; k += depth)
    for (Index row = 0; row < p.m; row += rows) {
      MatrixProduct part = p;
      part.m = std::min(rows, p.m - row);
      part.k = std::min(depth, p.k - k);
      part.a += row * p.a_row + k * p.a_column;
      part.b += k * p.b_row;
      part.c += row * p.c_row;
      part.row_bias = p.row_bias && k == 0 ? p.row_bias + row : nullptr;
      if (k > 0) part.column_bias = nullptr;
      if (packs_rows) {
        float* const packed = row_memory.at_least(part.m * part.k);
        pack_rows(part, packed);
        part.a = packed;
        part.a_row = 1;
        part.a_column = part.m;
      }
      multiply_part(part, k > 0, panel);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::product
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd::product {

HWY_EXPORT(panels);

void multiply_panels(const MatrixProduct& product) { HWY_DYNAMIC_DISPATCH(panels)(product); }

}  // namespace tenon::kernels::simd::product
#endif
