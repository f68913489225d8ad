#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tenon/kernels/scratch_internal.h"
#include "tenon/kernels/simd/conv2d_gather_internal.h"

namespace tenon::kernels::simd::convolution::direct {

/// Multiply-adds that take about 20 us on one thread.
inline constexpr double kTaskWork = 1e6;

inline bool reads_outside(const GatherAxis& axis) {
  return axis.lowest() < 0 || (axis.output - 1) * axis.stride + axis.highest() >= axis.input;
}

/// Whether no value is infinite or NaN.
inline bool is_finite(const float* x, Index count) {
  std::uint32_t largest = 0;
  for (Index i = 0; i < count; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, x + i, sizeof(bits));
    largest = std::max(largest, bits & 0x7fffffffU);
  }
  return largest < 0x7f800000U;
}

/// Where taps find a channel's rows: in the image, or in rows packed with zeros around them, the
/// phases of a stride apart, so that outputs side by side read inputs side by side.
struct RowLayout {
  bool packed;
  Index positions;  ///< of one phase
  Index phases;
  Index row_floats;

  RowLayout(const GatherAxis& columns, Index batch, bool is_packed)
      : packed(is_packed),
        positions(columns.output + (columns.extent() - 1) / columns.stride),
        phases(std::min(columns.stride, columns.extent())),
        row_floats((is_packed ? positions * phases : columns.input) * batch) {}

  /// From output column 0 to what a tap reads for it.
  Index column_offset(const GatherAxis& columns, Index tap, Index batch) const {
    if (!packed) return columns.distance(tap) * batch;
    const Index shift = columns.distance(tap) - columns.lowest();
    return (shift % columns.stride * positions + shift / columns.stride) * batch;
  }
};

/// What one tap reads and multiplies, from position 0 of a row and the weights of a channel.
struct Tap {
  Index x;
  Index w;
};
/// Neighbouring output columns with the same taps.
struct ColumnRun {
  Index begin;  ///< in floats from the start of the row
  Index end;
  Index tap_count;  ///< of one kernel row
  const Tap* taps;  ///< [kernel row][column]
};
struct Runs {
  const ColumnRun* first;
  Index count;
};

/// `by_column`: each column's taps are those that read the image; else all, and zeros stand around
/// it.
Runs find_runs(const Gather& g, const RowLayout& layout, bool by_column);

}  // namespace tenon::kernels::simd::convolution::direct
