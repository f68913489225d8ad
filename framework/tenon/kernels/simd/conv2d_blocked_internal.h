#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tenon/core/activation_kind.h"
#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels::simd::blocked {

using Index = std::ptrdiff_t;

inline constexpr Index kMaxKernel = 32;

constexpr Index ceil_divide(Index a, Index b) { return (a + b - 1) / b; }
constexpr Index round_up(Index a, Index unit) { return ceil_divide(a, unit) * unit; }

/// One image axis of a convolution that gathers: output o and tap t read input o * stride +
/// taps[t].distance, where the image has it, and output o is element first + o * step of the image
/// that is written. Taps ascend in distance.
struct GatherAxis {
  struct Tap {
    Index distance;
    Index kernel;  ///< the tap's place in the weights
  };
  Index input = 0;
  Index output = 0;
  Index stride = 1;
  Index image = 0;
  Index first = 0;
  Index step = 1;
  Index tap_count = 0;
  std::array<Tap, kMaxKernel> taps = {};

  Index lowest() const { return tap_count > 0 ? taps[0].distance : 0; }
  Index highest() const {
    return tap_count > 0 ? taps[static_cast<std::size_t>(tap_count - 1)].distance : 0;
  }
  /// How many inputs the taps of one output span.
  Index extent() const { return highest() - lowest() + 1; }
  Index distance(Index tap) const { return taps[static_cast<std::size_t>(tap)].distance; }
  /// The taps that read the image for some output of [begin, end).
  IndexRange taps_inside(Index begin, Index end) const;
  /// The outputs whose tap reads the image.
  IndexRange outputs_inside(Index tap) const;
};

GatherAxis forward_axis(const WindowAxis& axis);
/// dx[phase + o * axis.stride] for all o: with a stride, each phase has taps of its own.
GatherAxis input_gradient_axis(const WindowAxis& axis, Index phase);

/// `total` cut into `count` pieces of `size`, the last maybe smaller.
struct Cut {
  Index total;
  Index size;
  Index count;
  IndexRange piece(Index i) const {
    return {i * size, (i + 1) * size < total ? (i + 1) * size : total};
  }
};
/// Pieces of equal size, at most `limit` (but at least 1).
Cut cut_evenly(Index total, Index limit);
/// Images that are worked on together. Whole batches have contiguous rows, but large ones would
/// leave a tile too few columns.
Cut cut_images(Index batch);

/// `total` channels in blocks of at most `limit`, whose sizes differ by at most 1.
struct ChannelBlocks {
  Index total;
  Index count;
  ChannelBlocks(Index channels, Index limit)
      : total(channels), count(ceil_divide(channels, limit)) {}
  Index begin(Index i) const {
    return i * (total / count) + (i < total % count ? i : total % count);
  }
  Index size(Index i) const { return begin(i + 1) - begin(i); }
};

/// Rows of the input, packed for one range of images and of output columns: [slot][channel][phase]
/// [position][image], where output column j reads position j - first output column + shift(tap) of
/// phase(tap). A ring of `slots` rows; columns outside the image are 0, rows outside it are not
/// read.
struct PackedRows {
  const GatherAxis* rows;
  const GatherAxis* columns;
  Index channels;
  IndexRange images;
  Index batch;         ///< of the whole input
  Index first_column;  ///< the input column of position 0 in phase 0
  Index positions;
  Index phases;
  Index phase_floats;
  Index channel_floats;
  Index slots;
  float* memory = nullptr;

  PackedRows(const GatherAxis& row_axis, const GatherAxis& column_axis, Index channel_count,
             Index batch_size, IndexRange image_range, IndexRange output_columns, Index slot_count);
  Index image_count() const { return images.end - images.begin; }
  Index row_floats() const { return channel_floats * channels; }
  Index slot(Index input_row) const { return (input_row - rows->lowest()) % slots; }
  /// Where channel 0 of a tap starts, in the slot of its row.
  Index tap_offset(Index column_tap) const {
    const Index shift = columns->distance(column_tap) - columns->lowest();
    return shift % columns->stride * phase_floats + shift / columns->stride * image_count();
  }
};

/// Memory of this thread, one buffer a purpose. What it holds is lost when the same purpose asks
/// again.
enum class Purpose : std::uint8_t { weights, rows, sums, panel, partial_sums, partial_bias, count };
float* scratch(Purpose purpose, Index floats);
std::int32_t* scratch_offsets(Index count);

}  // namespace tenon::kernels::simd::blocked
