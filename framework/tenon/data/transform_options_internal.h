#pragma once

#include <cstdint>
#include <string>

#include "tenon/core/where.h"

namespace tenon::data {

/// The DataErrors of a transform's options.
struct OptionCheck {
  const char* transform;
  Where where;

  [[noreturn]] void fail(const std::string& what) const;
  /// Fails unless the value is finite as an f32.
  void finite(const char* name, double value) const;
  /// Fails unless low <= value <= high.
  void between(const char* name, double value, double low, double high) const;
};

/// Greater images have no memory; sums of such sizes do not overflow.
inline constexpr std::int64_t kMostPixels = std::int64_t{1} << 24;

/// `bits` of 32 as a number uniform in [low, high).
inline double uniform_of(std::uint32_t bits, double low, double high) {
  return low + static_cast<double>(bits) * 0x1p-32 * (high - low);
}

}  // namespace tenon::data
