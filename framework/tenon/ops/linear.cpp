#include "tenon/ops/linear.h"

#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/matmul.h"
#include "tenon/ops/matmul.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

void linear_geometry(const Tensor& x, const Tensor& w, const Tensor& b, Where where) {
  check_floating("linear", x, where, "x");
  check_same_dtype("linear", "x", x, "w", w, where);
  if (b.defined()) check_same_dtype("linear", "x", x, "b", b, where);
  const auto fault = [&] {
    Fault f("linear", where);
    f.operand("x", x, "..., in").operand("w", w, "out, in");
    if (b.defined()) f.operand("b", b, "out");
    return f;
  };
  if (x.rank() == 0) fault().raise<ShapeError>("x is a scalar, but needs an axis of features");
  if (w.rank() != 2)
    fault().raise<ShapeError>(fmt::format("w must have 2 axes but has {}", w.rank()));
  const std::int64_t in = w.shape()[1], out = w.shape()[0],
                     features = x.shape()[x.shape().rank() - 1];
  if (features != in) {
    Fault f = fault();
    if (x.rank() > 2 && x.shape()[0] > 0 && x.numel() / x.shape()[0] == in)
      f.fix("Flatten x first: flatten(x, 1).");
    else
      f.fix(fmt::format("Give x {} features, or build w with in = {}.", in, features));
    f.raise<ShapeError>(fmt::format("x has {} features but w expects {}", features, in));
  }
  if (b.defined() && (b.rank() != 1 || b.shape()[0] != out))
    fault().raise<ShapeError>(
        fmt::format("b must have shape [{}] but has {}", out, to_string(b.shape())));
  Shape shape = x.shape();
  shape[shape.rank() - 1] = out;
  check_sizes("linear", shape, x.dtype(), where);
}

/// [..., F] as [rows, F].
Tensor as_rows(const Tensor& x, std::int64_t features) {
  if (x.rank() == 2) return x;
  std::int64_t rows = 1;
  for (std::size_t axis = 0; axis + 1 < x.shape().rank(); ++axis) rows *= x.shape()[axis];
  return reshape(x, {rows, features});
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b, LinearOptions options,
              Where where) {
  linear_geometry(x, w, b, where);
  const Tensor inputs[] = {x, w, b};
  const Activation activation = options.activation;
  if (!has_gradient_from_output(activation) && detail::is_recorded(inputs, 3))
    return activate(linear(x, w, b, {}, where), activation, where);
  Tensor y = kernels::linear(x, w, b, activation);

  const Saved saved_y = activation == Activation::none ? Saved() : Saved::output(y);
  return record(
      "linear", {x, w, b}, y,
      [activation, x = Saved(x), w = Saved(w), y = saved_y](const Tensor& dy,
                                                            const Needs& needs) -> Gradients {
        const Tensor g =
            activation == Activation::none ? dy : activation_gradient(dy, y.get(), activation);
        Gradients gradients = Gradients::undefined(3);
        if (needs[0]) gradients[0] = linear(g, transpose(w.get(), 0, 1));
        if (!needs[1] && !needs[2]) return gradients;
        const std::int64_t in = w.shape()[1], out = w.shape()[0];
        const Tensor g_rows = as_rows(g, out);
        if (needs[1]) gradients[1] = matmul(transpose(g_rows, 0, 1), as_rows(x.get(), in));
        if (needs[2]) gradients[2] = sum(g_rows, 0);
        return gradients;
      },
      where);
}

}  // namespace tenon
