#include "tenon/core/dtype.h"

namespace tenon {

std::string_view to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::boolean: return "boolean";
    case Dtype::u8: return "u8";
    case Dtype::i32: return "i32";
    case Dtype::i64: return "i64";
    case Dtype::f32: return "f32";
    case Dtype::f64: break;
  }
  return "f64";
}

// The enumerators are in the order of promotion: the greater one holds the other's category and
// width.
Dtype promote(Dtype a, Dtype b) { return a > b ? a : b; }

Dtype promote_scalar(Dtype tensor, Dtype scalar) {
  const auto category = [](Dtype dtype) {
    return dtype == Dtype::boolean ? 0 : is_integer(dtype) ? 1 : 2;
  };
  return category(scalar) > category(tensor) ? scalar : tensor;
}

}  // namespace tenon
