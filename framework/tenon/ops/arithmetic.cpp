#include "tenon/ops/arithmetic.h"

#include <fmt/format.h>

#include <cmath>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/ops/arithmetic_internal.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"

namespace tenon {

using kernels::Binary;

namespace {
Tensor number_tensor(const Operand& number) {
  return is_floating(number.scalar_dtype()) ? Tensor::from({number.value()}, {}, Dtype::f32)
                                            : Tensor::from(number.integer());
}
}  // namespace

OperandPair::OperandPair(const char* operation, const Operand& a, const Operand& b, bool is_real)
    : number_a_(a.value(), a.integer()), number_b_(b.value(), b.integer()) {
  if (!a.is_scalar()) check_defined(operation, "a", a.tensor(), b.where());
  if (!b.is_scalar()) check_defined(operation, "b", b.tensor(), b.where());
  dtype_ = a.is_scalar() && b.is_scalar() ? promote(a.scalar_dtype(), b.scalar_dtype())
           : a.is_scalar()                ? promote_scalar(b.tensor().dtype(), a.scalar_dtype())
           : b.is_scalar()                ? promote_scalar(a.tensor().dtype(), b.scalar_dtype())
                                          : promote(a.tensor().dtype(), b.tensor().dtype());
  if (is_real && !is_floating(dtype_)) dtype_ = Dtype::f32;
  broadcast_shapes(
      operation,
      {{"a", a.is_scalar() ? nullptr : &a.tensor()}, {"b", b.is_scalar() ? nullptr : &b.tensor()}},
      dtype_, b.where());
  a_ = b.is_scalar() && a.is_scalar() ? number_tensor(a) : a.tensor();
  b_ = b.tensor();
  convert_to(dtype_);
}

void OperandPair::convert_to(Dtype dtype) {
  dtype_ = dtype;
  if (a_.defined() && a_.dtype() != dtype) a_ = kernels::convert(a_, dtype);
  if (b_.defined() && b_.dtype() != dtype) b_ = kernels::convert(b_, dtype);
}

namespace {

/// dy as the gradient of an operand of this shape and dtype.
Tensor as_gradient(const Tensor& dy, const Shape& shape, Dtype dtype) {
  return sum_to(dy, shape).to(dtype);
}
Tensor as_gradient(const Tensor& dy, const Saved& x) {
  return as_gradient(dy, x.shape(), x.dtype());
}

/// Whether y's gradient is the operand's without more ado.
bool has_form_of(const Operand& operand, const Tensor& y) {
  return operand.is_scalar() ||
         (operand.tensor().shape() == y.shape() && operand.tensor().dtype() == y.dtype());
}

struct Form {
  Shape shape;
  Dtype dtype = Dtype::f32;
  explicit Form(const Tensor& x) {
    if (x.defined()) shape = x.shape(), dtype = x.dtype();
  }
};

[[noreturn]] void refuse_boolean(const char* operation, const char* instead, Where where) {
  Fault(operation, where)
      .fix(fmt::format("Use {}, or convert: x.to(Dtype::i64).", instead))
      .raise<DtypeError>("booleans cannot be subtracted");
}

Tensor maximum_or_minimum(const char* name, Binary operation, const Operand& a, const Operand& b) {
  const OperandPair pair(name, a, b);
  const Tensor y = kernels::binary(operation, pair.a(), pair.b());
  return record(
      name, {a.tensor(), b.tensor()}, y,
      [is_maximum = operation == Binary::maximum, a = Saved(pair.tensor_a()),
       b = Saved(pair.tensor_b()), form_a = Form(a.tensor()), form_b = Form(b.tensor()),
       number_a = a.value(),
       number_b = b.value()](const Tensor& dy, const Needs& needs) -> Gradients {
        const Tensor tensor_a = a.get(), tensor_b = b.get();
        const auto of_a =
            tensor_a.defined() ? kernels::Argument(tensor_a) : kernels::Argument(number_a);
        const auto of_b =
            tensor_b.defined() ? kernels::Argument(tensor_b) : kernels::Argument(number_b);
        const auto share = [&](const kernels::Argument& left, const kernels::Argument& right) {
          return is_maximum ? kernels::binary(Binary::maximum_share, left, right)
                            : kernels::binary(Binary::maximum_share, right, left);
        };
        return {needs[0] ? as_gradient(dy * share(of_a, of_b), form_a.shape, form_a.dtype) : none,
                needs[1] ? as_gradient(dy * share(of_b, of_a), form_b.shape, form_b.dtype) : none};
      },
      b.where());
}

}  // namespace

Tensor add(const Operand& a, const Operand& b) {
  const OperandPair pair("add", a, b);
  const Tensor y = kernels::add(pair.a(), pair.b());
  if (has_form_of(a, y) && has_form_of(b, y))
    return record(
        "add", {a.tensor(), b.tensor()}, y,
        [](const Tensor& dy, const Needs&) -> Gradients {
          return {dy, dy};
        },
        b.where());
  return record(
      "add", {a.tensor(), b.tensor()}, y,
      [a = Form(a.tensor()), b = Form(b.tensor())](const Tensor& dy,
                                                   const Needs& needs) -> Gradients {
        return {needs[0] ? as_gradient(dy, a.shape, a.dtype) : none,
                needs[1] ? as_gradient(dy, b.shape, b.dtype) : none};
      },
      b.where());
}

Tensor subtract(const Operand& a, const Operand& b) {
  const OperandPair pair("subtract", a, b);
  if (pair.dtype() == Dtype::boolean) refuse_boolean("subtract", "not_equal(a, b)", b.where());
  const Tensor y = kernels::subtract(pair.a(), pair.b());
  if (has_form_of(a, y) && has_form_of(b, y))
    return record(
        "subtract", {a.tensor(), b.tensor()}, y,
        [](const Tensor& dy, const Needs& needs) -> Gradients {
          return {dy, needs[1] ? negate(dy) : none};
        },
        b.where());
  return record(
      "subtract", {a.tensor(), b.tensor()}, y,
      [a = Form(a.tensor()), b = Form(b.tensor())](const Tensor& dy,
                                                   const Needs& needs) -> Gradients {
        return {needs[0] ? as_gradient(dy, a.shape, a.dtype) : none,
                needs[1] ? negate(as_gradient(dy, b.shape, b.dtype)) : none};
      },
      b.where());
}

Tensor multiply(const Operand& a, const Operand& b) {
  const OperandPair pair("multiply", a, b);
  const Tensor y = kernels::multiply(pair.a(), pair.b());
  if (a.is_scalar() || b.is_scalar()) {
    return record(
        "multiply", {a.tensor(), b.tensor()}, y,
        [number = a.is_scalar() ? a.value() : b.value()](const Tensor& dy,
                                                         const Needs& needs) -> Gradients {
          const Tensor dx = dy * number;
          return {needs[0] ? dx : none, needs[1] ? dx : none};
        },
        b.where());
  }
  return record(
      "multiply", {a.tensor(), b.tensor()}, y,
      [a = Saved(a.tensor()), b = Saved(b.tensor())](const Tensor& dy,
                                                     const Needs& needs) -> Gradients {
        return {needs[0] ? as_gradient(dy * b.get(), a) : none,
                needs[1] ? as_gradient(dy * a.get(), b) : none};
      },
      b.where());
}

Tensor divide(const Operand& a, const Operand& b) {
  const OperandPair pair("divide", a, b, true);
  const Tensor y = kernels::divide(pair.a(), pair.b());
  if (b.is_scalar()) {
    return record(
        "divide", {a.tensor(), none}, y,
        [number = b.value()](const Tensor& dy, const Needs&) -> Gradients {
          return {dy / number, none};
        },
        b.where());
  }
  return record(
      "divide", {a.tensor(), b.tensor()}, y,
      [a = Form(a.tensor()), b = Saved(b.tensor()), y = Saved::output(y)](
          const Tensor& dy, const Needs& needs) -> Gradients {
        const Tensor quotient = dy / b.get();
        return {needs[0] ? as_gradient(quotient, a.shape, a.dtype) : none,
                needs[1] ? as_gradient(negate(quotient * y.get()), b) : none};
      },
      b.where());
}

namespace {

/// dy exponent base^(exponent - 1).
Tensor power_gradient_of_base(const Tensor& dy, const Tensor& base, double exponent) {
  if (exponent == 0) return zeros_like(base);
  if (exponent == 1) return dy;
  return dy * (exponent * power(base, exponent - 1));
}
/// 0^-1 is infinite: where base and exponent are 0, another power is multiplied by the exponent.
Tensor power_gradient_of_base(const Tensor& dy, const Tensor& base, const Tensor& exponent) {
  const Tensor both_zero = logical_and(equal(base, 0), equal(exponent, 0));
  return dy * (exponent * power(base, where(both_zero, 0, exponent - 1)));
}

/// dy y log(base), but 0 where base is 0 and exponent >= 0: log(1) there, so that no infinity
/// enters.
Tensor power_gradient_of_exponent(const Tensor& dy, const Tensor& base, const Tensor& exponent,
                                  const Tensor& y) {
  const Tensor constant = logical_and(equal(base, 0), greater_equal(exponent, 0));
  return dy * (y * log(where(constant, 1, base)));
}
Tensor power_gradient_of_exponent(const Tensor& dy, double base, const Tensor& exponent,
                                  const Tensor& y) {
  if (base != 0) return dy * (y * std::log(base));
  return dy * (y * where(greater_equal(exponent, 0), 0.0, std::log(base)));
}

}  // namespace

Tensor power(const Operand& base, const Operand& exponent) {
  OperandPair pair("power", base, exponent);
  if (pair.dtype() == Dtype::boolean) pair.convert_to(Dtype::i64);
  if (!is_floating(pair.dtype()) && exponent.is_scalar() && exponent.integer() < 0)
    Fault("power", exponent.where())
        .operand("base", pair.tensor_a())
        .fix("Convert the base: base.to(Dtype::f32), or give the exponent as a floating number.")
        .raise<DtypeError>(
            fmt::format("an integer to the power of {} is no integer", exponent.integer()));
  const Tensor y = kernels::binary(Binary::power, pair.a(), pair.b());
  if (exponent.is_scalar()) {
    return record(
        "power", {base.tensor(), none}, y,
        [base = Saved(base.tensor()), exponent = exponent.value()](const Tensor& dy,
                                                                   const Needs&) -> Gradients {
          return {power_gradient_of_base(dy, base.get(), exponent), none};
        },
        exponent.where());
  }
  if (base.is_scalar()) {
    return record(
        "power", {none, exponent.tensor()}, y,
        [base = base.value(), exponent = Saved(exponent.tensor()), y = Saved::output(y)](
            const Tensor& dy, const Needs&) -> Gradients {
          return {none, power_gradient_of_exponent(dy, base, exponent.get(), y.get())};
        },
        exponent.where());
  }
  return record(
      "power", {base.tensor(), exponent.tensor()}, y,
      [base = Saved(base.tensor()), exponent = Saved(exponent.tensor()), y = Saved::output(y)](
          const Tensor& dy, const Needs& needs) -> Gradients {
        return {needs[0] ? as_gradient(power_gradient_of_base(dy, base.get(), exponent.get()), base)
                         : none,
                needs[1] ? as_gradient(
                               power_gradient_of_exponent(dy, base.get(), exponent.get(), y.get()),
                               exponent)
                         : none};
      },
      exponent.where());
}

Tensor maximum(const Operand& a, const Operand& b) {
  return maximum_or_minimum("maximum", Binary::maximum, a, b);
}
Tensor minimum(const Operand& a, const Operand& b) {
  return maximum_or_minimum("minimum", Binary::minimum, a, b);
}

Tensor operator-(const Operand& x) { return negate(x.tensor(), x.where()); }

}  // namespace tenon
