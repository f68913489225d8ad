#pragma once

#include <Random123/philox.h>

#include <cstdint>

#include "tenon/core/random.h"

namespace tenon {

/// Who uses which part of a key's 128-bit counter space, told apart by its upper 64 bits.
inline constexpr std::uint64_t kStreamCounter = 0;
inline constexpr std::uint64_t kForkCounter = std::uint64_t{1} << 62;
inline constexpr std::uint64_t kDropoutCounter = std::uint64_t{1} << 63;  // plus the call's number

/// Philox4x32-10 of the 128-bit counter (low, high), least significant word first, under a 64-bit
/// key.
inline RandomBlock philox(std::uint64_t key, std::uint64_t low, std::uint64_t high) {
  const auto word = [](std::uint64_t bits) { return static_cast<std::uint32_t>(bits); };
  const philox4x32_ctr_t counter = {{word(low), word(low >> 32), word(high), word(high >> 32)}};
  const philox4x32_key_t keys = {{word(key), word(key >> 32)}};
  const philox4x32_ctr_t result = philox4x32_R(10, counter, keys);
  return {{result.v[0], result.v[1], result.v[2], result.v[3]}};
}

/// The first (half = 0) or second 64 bits of a block.
inline std::uint64_t bits64(const RandomBlock& block, std::int64_t half) {
  return block.words[2 * half] | static_cast<std::uint64_t>(block.words[2 * half + 1]) << 32;
}

/// floor(bits * bound / 2^64): a number in [0, bound). The probability of each differs from 1 /
/// bound by at most 2^-64: for all but astronomical bounds and samples this cannot be seen.
inline std::uint64_t multiply_shift(std::uint64_t bits, std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(bits) * bound >> 64);
}

}  // namespace tenon
