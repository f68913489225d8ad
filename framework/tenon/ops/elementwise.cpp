#include "tenon/ops/elementwise.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/broadcast_internal.h"

namespace tenon {

using kernels::Binary;
using kernels::Unary;

Tensor negate(const Tensor& x, Where where) {
  check_defined("negate", "x", x, where);
  if (x.dtype() == Dtype::boolean)
    Fault("negate", where)
        .operand("x", x)
        .fix("Use logical_not(x), or convert: x.to(Dtype::i64).")
        .raise<DtypeError>("booleans have no negative");
  return record(
      "negate", {x}, kernels::negate(x),
      [](const Tensor& dy, const Needs&) -> Gradients { return {negate(dy)}; }, where);
}

Tensor abs(const Tensor& x, Where where) {
  check_defined("abs", "x", x, where);
  return record(
      "abs", {x}, kernels::unary(Unary::abs, x),
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients { return {dy * sign(x.get())}; },
      where);
}

namespace {

/// A step function: its gradient is zero.
Tensor step(const char* name, Unary operation, const Tensor& x, Where where) {
  check_defined(name, "x", x, where);
  return record(
      name, {x}, kernels::unary(operation, x),
      [](const Tensor& dy, const Needs&) -> Gradients { return {zeros_like(dy)}; }, where);
}

}  // namespace

Tensor sign(const Tensor& x, Where where) { return step("sign", Unary::sign, x, where); }
Tensor floor(const Tensor& x, Where where) { return step("floor", Unary::floor, x, where); }
Tensor round(const Tensor& x, Where where) { return step("round", Unary::round, x, where); }

Tensor square(const Tensor& x, Where where) {
  check_defined("square", "x", x, where);
  const Tensor y =
      kernels::square(x.dtype() == Dtype::boolean ? kernels::convert(x, Dtype::i64) : x);
  return record(
      "square", {x}, y,
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients { return {2.0 * dy * x.get()}; },
      where);
}

Tensor exp(const Tensor& x, Where where) {
  const Tensor y = kernels::exp(real_values("exp", x, where));
  return record(
      "exp", {x}, y,
      [y = Saved::output(y)](const Tensor& dy, const Needs&) -> Gradients {
        return {dy * y.get()};
      },
      where);
}

Tensor log(const Tensor& x, Where where) {
  const Tensor y = kernels::log(real_values("log", x, where));
  return record(
      "log", {x}, y,
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients { return {dy / x.get()}; },
      where);
}

Tensor log1p(const Tensor& x, Where where) {
  const Tensor y = kernels::unary(Unary::log1p, real_values("log1p", x, where));
  return record(
      "log1p", {x}, y,
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients {
        return {dy / (x.get() + 1.0)};
      },
      where);
}

Tensor expm1(const Tensor& x, Where where) {
  const Tensor y = kernels::unary(Unary::expm1, real_values("expm1", x, where));
  return record(
      "expm1", {x}, y,
      [y = Saved::output(y)](const Tensor& dy, const Needs&) -> Gradients {
        return {dy * (y.get() + 1.0)};
      },
      where);
}

Tensor sqrt(const Tensor& x, Where where) {
  const Tensor y = kernels::sqrt(real_values("sqrt", x, where));
  return record(
      "sqrt", {x}, y,
      [y = Saved::output(y)](const Tensor& dy, const Needs&) -> Gradients {
        return {dy / (2.0 * y.get())};
      },
      where);
}

Tensor rsqrt(const Tensor& x, Where where) {
  const Tensor y = kernels::unary(Unary::rsqrt, real_values("rsqrt", x, where));
  return record(
      "rsqrt", {x}, y,
      [y = Saved::output(y)](const Tensor& dy, const Needs&) -> Gradients {
        const Tensor root = y.get();
        return {-0.5 * dy * (root * square(root))};
      },
      where);
}

Tensor sin(const Tensor& x, Where where) {
  const Tensor y = kernels::unary(Unary::sin, real_values("sin", x, where));
  return record(
      "sin", {x}, y,
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients { return {dy * cos(x.get())}; },
      where);
}

Tensor cos(const Tensor& x, Where where) {
  const Tensor y = kernels::unary(Unary::cos, real_values("cos", x, where));
  return record(
      "cos", {x}, y,
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients {
        return {negate(dy * sin(x.get()))};
      },
      where);
}

Tensor erf(const Tensor& x, Where where) {
  const Tensor y = kernels::unary(Unary::erf, real_values("erf", x, where));
  return record(
      "erf", {x}, y,
      [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients {
        return {2.0 * std::numbers::inv_sqrtpi * dy * exp(negate(square(x.get())))};
      },
      where);
}

namespace {

/// dx = dy where low < x < high, else 0.
Tensor clamp_gradient(const Tensor& dy, const Tensor& x, ClampOptions options,
                      Where where = Where::current()) {
  return record(
      "clamp_gradient", {dy, x},
      kernels::binary(Binary::clamp_gradient, dy, x, {options.low, options.high}),
      [x = Saved(x), options](const Tensor& g, const Needs&) -> Gradients {
        return {clamp_gradient(g, x.get(), options), none};
      },
      where);
}

/// The dtype of a clamped x: bounds that are not whole make integers f32, whole ones make booleans
/// i64.
Dtype clamped_dtype(Dtype dtype, ClampOptions options) {
  const auto is_whole = [](double bound) {
    return std::isinf(bound) || bound == std::floor(bound);
  };
  const bool whole = is_whole(options.low) && is_whole(options.high);
  return promote_scalar(dtype, whole ? Dtype::i64 : Dtype::f32);
}

}  // namespace

Tensor clamp(const Tensor& x, ClampOptions options, Where where) {
  check_defined("clamp", "x", x, where);
  if (std::isnan(options.low) || std::isnan(options.high))
    Fault("clamp", where)
        .operand("x", x)
        .raise<ShapeError>(
            fmt::format("the bounds must be numbers but are {} and {}", options.low, options.high));
  const Dtype dtype = clamped_dtype(x.dtype(), options);
  const Tensor values = x.dtype() == dtype ? x : kernels::convert(x, dtype);
  return record(
      "clamp", {x}, kernels::unary(Unary::clamp, values, {options.low, options.high}),
      [x = Saved(x), options](const Tensor& dy, const Needs&) -> Gradients {
        return {clamp_gradient(dy, x.get(), options)};
      },
      where);
}

}  // namespace tenon
