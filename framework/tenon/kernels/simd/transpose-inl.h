// Transposition of matrices of 32-bit elements, moved as f32 without looking at the values.
#if defined(TENON_KERNELS_SIMD_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_TRANSPOSE_INL_H_
#undef TENON_KERNELS_SIMD_TRANSPOSE_INL_H_
#else
#define TENON_KERNELS_SIMD_TRANSPOSE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Side of the square that is turned in registers: 4 or 8.
inline constexpr std::int64_t kTurn = hn::MaxLanes(hn::CappedTag<float, 8>());
/// A square tile is a cache line wide: every line that it touches is read or written whole.
inline constexpr std::int64_t kTile = 16;

/// to[i * to_row + j] = from[j * from_row + i] for i < 4 and j < kTurn.
HWY_INLINE void turn_half(const float* from, std::int64_t from_row, float* to,
                          std::int64_t to_row) {
  const hn::CappedTag<float, 8> d;
  const hn::Repartition<std::uint64_t, decltype(d)> pairs;
  // Rows j and j + 4 share a vector, so that the rest stays within its blocks of 4 lanes.
  const auto load = [&](std::int64_t j) HWY_ATTR {
    const float* const row = from + j * from_row;
#if HWY_TARGET == HWY_SSE4
    return hn::LoadU(d, row);
#else
    const hn::Half<decltype(d)> half;
    return hn::Combine(d, hn::LoadU(half, row + 4 * from_row), hn::LoadU(half, row));
#endif
  };
  const auto r0 = load(0), r1 = load(1), r2 = load(2), r3 = load(3);
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, to + to_row);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, to + 2 * to_row);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, to + 3 * to_row);
}

/// to[i * to_row + j] = from[j * from_row + i] for i < rows, j < columns, both at most kTile.
HWY_INLINE void transpose_tile(const float* from, std::int64_t from_row, float* to,
                               std::int64_t to_row, std::int64_t rows, std::int64_t columns) {
  const std::int64_t whole_rows = rows / 4 * 4, whole_columns = columns / kTurn * kTurn;
  for (std::int64_t j = 0; j < whole_columns; j += kTurn)
    for (std::int64_t i = 0; i < whole_rows; i += 4)
      turn_half(from + j * from_row + i, from_row, to + i * to_row + j, to_row);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
      to[i * to_row + j] = from[j * from_row + i];
}

/// to[i * to_row + j] = from[j * from_row + i] for i < rows, j < columns.
inline void transpose(const float* from, std::int64_t from_row, float* to, std::int64_t to_row,
                      std::int64_t rows, std::int64_t columns) {
  // Along the rows of `from`, which so few streams of memory are fetched ahead for.
  for (std::int64_t j = 0; j < columns; j += kTile) {
    const std::int64_t tile_columns = std::min(kTile, columns - j);
    for (std::int64_t i = 0; i < rows; i += kTile)
      transpose_tile(from + j * from_row + i, from_row, to + i * to_row + j, to_row,
                     std::min(kTile, rows - i), tile_columns);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
