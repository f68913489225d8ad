#pragma once

#include "tenon/kernels/elementwise.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/broadcast_internal.h"

namespace tenon {

/// Two checked operands in their common dtype, ready for a kernel. Of two numbers the first becomes
/// a tensor.
class OperandPair {
 public:
  /// ShapeError unless they broadcast. `is_real`: integers become f32.
  OperandPair(const char* operation, const Operand& a, const Operand& b, bool is_real = false);

  Dtype dtype() const { return dtype_; }
  kernels::Argument a() const { return a_.defined() ? kernels::Argument(a_) : number_a_; }
  kernels::Argument b() const { return b_.defined() ? kernels::Argument(b_) : number_b_; }
  /// Undefined for a number.
  const Tensor& tensor_a() const { return a_; }
  const Tensor& tensor_b() const { return b_; }
  /// Converts both to another dtype.
  void convert_to(Dtype dtype);

 private:
  kernels::Argument number_a_;
  kernels::Argument number_b_;
  Tensor a_;
  Tensor b_;
  Dtype dtype_ = Dtype::f32;
};

}  // namespace tenon
