#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tenon {

/// The element types. Promotion is PyTorch's: boolean < integer < floating, the wider within a
/// category.
enum class Dtype : std::uint8_t { boolean, u8, i32, i64, f32, f64 };

std::string_view to_string(Dtype dtype);
constexpr std::size_t size_bytes(Dtype dtype) {
  switch (dtype) {
    case Dtype::boolean:
    case Dtype::u8: return 1;
    case Dtype::i32:
    case Dtype::f32: return 4;
    case Dtype::i64:
    case Dtype::f64: break;
  }
  return 8;
}

constexpr bool is_floating(Dtype dtype) { return dtype >= Dtype::f32; }
constexpr bool is_integer(Dtype dtype) { return dtype >= Dtype::u8 && dtype <= Dtype::i64; }

/// The dtype of `a op b` for two tensors. u8 with i32 gives i32; an integer with f32 gives f32.
Dtype promote(Dtype a, Dtype b);

/// The dtype of `tensor op scalar`: the tensor's, unless the scalar is of a higher category
/// (then i64 or f32).
Dtype promote_scalar(Dtype tensor, Dtype scalar);

/// The dtype that holds a C++ type: `dtype_of<float>` is f32. Defined for the six element types.
template <class T>
inline constexpr Dtype dtype_of = [] {
  static_assert(
      sizeof(T) == 0,
      "tenon: element types are float, double, std::int32_t, std::int64_t, std::uint8_t, bool");
  return Dtype::f32;
}();
template <>
inline constexpr Dtype dtype_of<bool> = Dtype::boolean;
template <>
inline constexpr Dtype dtype_of<std::uint8_t> = Dtype::u8;
template <>
inline constexpr Dtype dtype_of<std::int32_t> = Dtype::i32;
template <>
inline constexpr Dtype dtype_of<std::int64_t> = Dtype::i64;
template <>
inline constexpr Dtype dtype_of<float> = Dtype::f32;
template <>
inline constexpr Dtype dtype_of<double> = Dtype::f64;

}  // namespace tenon
