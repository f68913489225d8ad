#include "tenon/ops/softmax.h"

#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/softmax.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

std::size_t gradient_axis(const char* operation, const Tensor& dy, const Tensor& y,
                          std::int64_t axis, Where where) {
  check_floating(operation, dy, where, "dy");
  check_floating(operation, y, where, "y");
  check_same_dtype(operation, "dy", dy, "y", y, where);
  if (!(dy.shape() == y.shape()))
    Fault(operation, where)
        .operand("dy", dy)
        .operand("y", y)
        .raise<ShapeError>(fmt::format("dy has shape {} but y has {}", to_string(dy.shape()),
                                       to_string(y.shape())));
  return normalize_axis(operation, y, axis, where);
}

Tensor line_sum(const Tensor& x, std::int64_t axis) { return sum(x, axis, {.keepdim = true}); }

}  // namespace

Tensor softmax(const Tensor& x, std::int64_t axis, Where where) {
  check_floating("softmax", x, where);
  Tensor y = kernels::softmax(x, normalize_axis("softmax", x, axis, where));

  return record(
      "softmax", {x}, y,
      [y = Saved::output(y), axis](const Tensor& dy, const Needs&) -> Gradients {
        return {softmax_gradient(dy, y.get(), axis)};
      },
      where);
}

Tensor softmax_gradient(const Tensor& dy, const Tensor& y, std::int64_t axis, Where where) {
  Tensor dx =
      kernels::softmax_gradient(dy, y, gradient_axis("softmax_gradient", dy, y, axis, where));

  return record(
      "softmax_gradient", {dy, y}, dx,
      [dy = Saved(dy), y = Saved(y), axis](const Tensor& g, const Needs& needs) -> Gradients {
        const Tensor p = y.get();
        if (!needs[1]) return {softmax_gradient(g, p, axis), none};
        const Tensor d = dy.get();
        return {needs[0] ? softmax_gradient(g, p, axis) : none,
                g * (d - line_sum(d * p, axis)) - d * line_sum(g * p, axis)};
      },
      where);
}

Tensor log_softmax(const Tensor& x, std::int64_t axis, Where where) {
  check_floating("log_softmax", x, where);
  Tensor y = kernels::log_softmax(x, normalize_axis("log_softmax", x, axis, where));

  return record(
      "log_softmax", {x}, y,
      [y = Saved::output(y), axis](const Tensor& dy, const Needs&) -> Gradients {
        return {log_softmax_gradient(dy, y.get(), axis)};
      },
      where);
}

Tensor log_softmax_gradient(const Tensor& dy, const Tensor& y, std::int64_t axis, Where where) {
  Tensor dx = kernels::log_softmax_gradient(
      dy, y, gradient_axis("log_softmax_gradient", dy, y, axis, where));

  return record(
      "log_softmax_gradient", {dy, y}, dx,
      [dy = Saved(dy), y = Saved(y), axis](const Tensor& g, const Needs& needs) -> Gradients {
        const Tensor p = exp(y.get());
        return {needs[0] ? g - line_sum(g * p, axis) : none,
                needs[1] ? -(g * p * line_sum(dy.get(), axis)) : none};
      },
      where);
}

}  // namespace tenon
