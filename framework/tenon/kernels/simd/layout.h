#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

/// to[i * to_row + j] = from[j * from_row + i] for i < rows, j < columns: 32-bit elements, moved as
/// bits. On the caller's thread.
void transpose(const void* from, std::int64_t from_row, void* to, std::int64_t to_row,
               std::int64_t rows, std::int64_t columns);

/// to[i] = from[i] / 255, correctly rounded.
void scale_pixels(const std::uint8_t* from, float* to, std::int64_t count);

}  // namespace tenon::kernels::simd
