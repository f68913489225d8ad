#pragma once

#include <cstdint>

namespace tenon {

/// Which values of a figure are better: low ones (a loss) or high ones (an accuracy).
enum class Better : std::uint8_t { lower, higher };

}  // namespace tenon
