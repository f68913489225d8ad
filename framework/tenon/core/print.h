#pragma once

#include <ostream>

#include "tenon/core/tensor.h"

namespace tenon {

/// Prints as to_string does. In a header of its own, not part of tenon.h: <ostream> takes 0.2 s to
/// include.
inline std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << to_string(shape);
}
inline std::ostream& operator<<(std::ostream& out, Dtype dtype) { return out << to_string(dtype); }

}  // namespace tenon
