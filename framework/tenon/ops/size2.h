#pragma once

#include <cstdint>
#include <type_traits>

namespace tenon {

/// A height and a width: `3` (both) or `{3, 5}`.
struct Size2 {
  std::int64_t height = 1;
  std::int64_t width = 1;

  constexpr Size2() = default;
  constexpr Size2(std::int64_t height_in, std::int64_t width_in)
      : height(height_in), width(width_in) {}
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  constexpr Size2(T both) : height(both), width(both) {}
};

/// valid: none. same: so much that the output has ceil(size / stride), the odd one at the end
/// (Keras; for stride 1 also PyTorch).
enum class Padding : std::uint8_t { valid, same };

/// Zeros around an image: `1`, `{1, 2}` (height, width) or `Padding::same`.
struct Padding2 {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool same = false;

  constexpr Padding2() = default;
  constexpr Padding2(std::int64_t height_in, std::int64_t width_in)
      : height(height_in), width(width_in) {}
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  constexpr Padding2(T both) : height(both), width(both) {}
  constexpr Padding2(Padding padding) : same(padding == Padding::same) {}
};

}  // namespace tenon
