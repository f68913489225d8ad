#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

/// Bytes of 4 elements a block: 1 where number i of the Philox4x32-10 block (key, counter words
/// block + b, high) is at least the threshold (at most 2^32), else 0.
void dropout_mask(std::uint64_t key, std::uint64_t block, std::uint64_t high,
                  std::uint64_t threshold, std::int64_t blocks, std::uint8_t* kept);
/// y[i] = kept[i] ? scale x[i] : 0.
void apply_mask(const float* x, const std::uint8_t* kept, float scale, float* y,
                std::int64_t count);

}  // namespace tenon::kernels::simd
