#pragma once

#include <initializer_list>

#include "tenon/core/tensor.h"

namespace tenon {

struct NamedOperand {
  const char* name;
  const Tensor* tensor;  ///< null: a number, which fits every shape
};

/// The shape of the operands broadcast together. ShapeError where two sizes of an axis differ and
/// neither is 1, or where an operand is undefined or the result too large; `dtype` is the result's.
Shape broadcast_shapes(const char* operation, std::initializer_list<NamedOperand> operands,
                       Dtype dtype, Where where);

/// x for a real function: itself, or integers and booleans as f32, without a history (they have
/// none).
Tensor real_values(const char* operation, const Tensor& x, Where where);

}  // namespace tenon
