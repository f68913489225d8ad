#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/arithmetic_internal.h"
#include "tenon/ops/reduce.h"

namespace tenon {

using kernels::Binary;
using kernels::Unary;

namespace {

/// A comparison has no gradient: nothing is recorded.
Tensor compare(const char* name, Binary operation, const Operand& a, const Operand& b) {
  const OperandPair pair(name, a, b);
  return kernels::binary(operation, pair.a(), pair.b());
}

}  // namespace

Tensor equal(const Operand& a, const Operand& b) { return compare("equal", Binary::equal, a, b); }
Tensor not_equal(const Operand& a, const Operand& b) {
  return compare("not_equal", Binary::not_equal, a, b);
}
Tensor less(const Operand& a, const Operand& b) { return compare("less", Binary::less, a, b); }
Tensor less_equal(const Operand& a, const Operand& b) {
  return compare("less_equal", Binary::less_equal, a, b);
}
Tensor greater(const Operand& a, const Operand& b) {
  return compare("greater", Binary::greater, a, b);
}
Tensor greater_equal(const Operand& a, const Operand& b) {
  return compare("greater_equal", Binary::greater_equal, a, b);
}
Tensor logical_and(const Operand& a, const Operand& b) {
  return compare("logical_and", Binary::logical_and, a, b);
}
Tensor logical_or(const Operand& a, const Operand& b) {
  return compare("logical_or", Binary::logical_or, a, b);
}

Tensor logical_not(const Tensor& x, Where where) {
  check_defined("logical_not", "x", x, where);
  return kernels::unary(Unary::logical_not, x);
}
Tensor isnan(const Tensor& x, Where where) {
  check_defined("isnan", "x", x, where);
  return kernels::unary(Unary::isnan, x);
}

Tensor where(const Tensor& condition, const Operand& a, const Operand& b) {
  check_defined("where", "condition", condition, b.where());
  if (condition.dtype() != Dtype::boolean)
    Fault("where", b.where())
        .operand("condition", condition)
        .fix("Compare it: not_equal(condition, 0).")
        .raise<DtypeError>(
            fmt::format("condition must be boolean but is {}", to_string(condition.dtype())));
  const OperandPair pair("where", a, b);
  broadcast_shapes("where",
                   {{"condition", &condition},
                    {"a", a.is_scalar() ? nullptr : &a.tensor()},
                    {"b", b.is_scalar() ? nullptr : &b.tensor()}},
                   pair.dtype(), b.where());
  const Tensor y = kernels::where(condition, pair.a(), pair.b(), pair.dtype());
  return record(
      "where", {none, a.tensor(), b.tensor()}, y,
      [condition = Saved(condition), shape_a = a.tensor().defined() ? a.tensor().shape() : Shape(),
       shape_b = b.tensor().defined() ? b.tensor().shape() : Shape(),
       dtype_a = a.tensor().defined() ? a.tensor().dtype() : Dtype::f32,
       dtype_b = b.tensor().defined() ? b.tensor().dtype() : Dtype::f32](
          const Tensor& dy, const Needs& needs) -> Gradients {
        const Tensor mask = condition.get();
        return {none, needs[1] ? sum_to(tenon::where(mask, dy, 0), shape_a).to(dtype_a) : none,
                needs[2] ? sum_to(tenon::where(mask, 0, dy), shape_b).to(dtype_b) : none};
      },
      b.where());
}

}  // namespace tenon
