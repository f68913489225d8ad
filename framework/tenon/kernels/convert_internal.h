#pragma once

#include <limits>
#include <type_traits>

namespace tenon::kernels {

/// A number as another element type, defined for every value: to an integer toward zero,
/// saturating, NaN gives 0; integers wrap to narrower ones; to boolean whether it is not 0.
template <class To, class From>
To convert_value(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr From kBelow = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From kAbove =
        static_cast<From>(std::numeric_limits<To>::max());  // may round up: out of range then
    if (!(value > kBelow)) return value == value ? std::numeric_limits<To>::min() : To(0);
    return value >= kAbove ? std::numeric_limits<To>::max() : static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace tenon::kernels
