#pragma once

#include <cstdint>

#include "tenon/kernels/simd/conv2d_gather_internal.h"

namespace tenon::kernels::simd::convolution::blocked {

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

}  // namespace tenon::kernels::simd::convolution::blocked
