#include "tenon/ops/norm.h"

#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/norm.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

void check_epsilon(const char* operation, double epsilon, Where where) {
  if (!(epsilon >= 0))
    Fault(operation, where)
        .raise<DataError>(fmt::format("epsilon must be at least 0 but is {}", epsilon));
}

/// One number a channel, or undefined.
void check_per_channel(const char* operation, const char* name, const Tensor& w, const Tensor& x,
                       Where where) {
  if (!w.defined()) return;
  check_same_dtype(operation, "x", x, name, w, where);
  const std::int64_t channels = x.shape()[1];
  if (w.rank() != 1 || w.shape()[0] != channels)
    Fault(operation, where)
        .operand("x", x, "N, C, ...")
        .operand(name, w, "C")
        .raise<ShapeError>(fmt::format("x has {} channels but {} has shape {}", channels, name,
                                       to_string(w.shape())));
}

void batch_norm_geometry(const char* operation, const Tensor& x, const Tensor& w, const Tensor& b,
                         double epsilon, Where where) {
  check_floating(operation, x, where);
  if (x.rank() < 2)
    Fault(operation, where)
        .operand("x", x, "N, C, ...")
        .raise<ShapeError>(fmt::format("x must have at least 2 axes but has {}", x.rank()));
  check_per_channel(operation, "w", w, x, where);
  check_per_channel(operation, "b", b, x, where);
  check_epsilon(operation, epsilon, where);
}

void layer_norm_geometry(const Tensor& x, const Shape& shape, const Tensor& w, const Tensor& b,
                         double epsilon, Where where) {
  check_floating("layer_norm", x, where);
  const std::size_t rank = x.shape().rank(), axes = shape.rank();
  bool fits = axes >= 1 && axes <= rank;
  for (std::size_t i = 0; fits && i < axes; ++i) fits = x.shape()[rank - axes + i] == shape[i];
  if (!fits)
    Fault("layer_norm", where)
        .operand("x", x)
        .fix("Give the sizes of the last axes of x, at least one.")
        .raise<ShapeError>(
            fmt::format("x {} does not end in {}", to_string(x.shape()), to_string(shape)));
  for (const auto& [name, parameter] : {std::pair<const char*, const Tensor&>{"w", w}, {"b", b}}) {
    if (!parameter.defined()) continue;
    check_same_dtype("layer_norm", "x", x, name, parameter, where);
    if (parameter.shape() != shape)
      Fault("layer_norm", where)
          .operand("x", x)
          .operand(name, parameter)
          .raise<ShapeError>(fmt::format("{} must have shape {} but has {}", name, to_string(shape),
                                         to_string(parameter.shape())));
  }
  check_epsilon("layer_norm", epsilon, where);
}

Axes all_but_channels(const Tensor& x) {
  std::vector<std::int64_t> axes{0};
  for (std::int64_t axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  return Axes(axes);
}

Axes last_axes(std::size_t count) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 1; i <= count; ++i) axes.push_back(-static_cast<std::int64_t>(i));
  return Axes(axes);
}

/// [C] as [1, C, 1, ...], to broadcast with x.
Shape channels_shape(const Tensor& x) {
  Shape shape = Shape::filled(x.shape().rank(), 1);
  shape[1] = x.shape()[1];
  return shape;
}

/// The gradients of n w + b for x, w and b in ordinary operations: for second derivatives, which
/// the fused kernels do not have. `affine` is the shape in which w and b broadcast with x.
Gradients norm_gradients(const Tensor& dy, const Tensor& x, const Tensor& w, const Axes& axes,
                         const Shape& affine, const Shape& parameters, double epsilon,
                         const Needs& needs) {
  const Tensor centred = x - mean(x, axes, {.keepdim = true});
  const Tensor r = rsqrt(mean(square(centred), axes, {.keepdim = true}) + epsilon);
  const Tensor n = centred * r;
  Gradients gradients = Gradients::undefined(3);
  if (needs[0]) {
    const Tensor g = w.defined() ? dy * reshape(w, affine) : dy;
    gradients[0] =
        r * (g - mean(g, axes, {.keepdim = true}) - n * mean(g * n, axes, {.keepdim = true}));
  }
  if (needs[1]) gradients[1] = reshape(sum_to(dy * n, affine), parameters);
  if (needs[2]) gradients[2] = reshape(sum_to(dy, affine), parameters);
  return gradients;
}

Gradients as_gradients(const kernels::NormGradients& g) { return {g.dx, g.dw, g.db}; }

}  // namespace

BatchNormResult batch_norm(const Tensor& x, const Tensor& w, const Tensor& b, NormOptions options,
                           Where where) {
  batch_norm_geometry("batch_norm", x, w, b, options.epsilon, where);
  std::int64_t values = x.shape()[0];
  for (std::size_t axis = 2; axis < x.shape().rank(); ++axis) values *= x.shape()[axis];
  if (values < 2)
    Fault("batch_norm", where)
        .operand("x", x, "N, C, ...")
        .fix("Give a larger batch, or call batch_norm_inference with known statistics.")
        .raise<ShapeError>(fmt::format(
            "Expected more than 1 value per channel when training, but x has {}", values));
  const double epsilon = options.epsilon;
  const kernels::Normalized result = kernels::batch_norm(x, w, b, epsilon);

  const Tensor y = record(
      "batch_norm", {x, w, b}, result.y,
      [epsilon, x = Saved(x), w = Saved(w), mean = Saved(result.mean),
       variance = Saved(result.variance)](const Tensor& dy, const Needs& needs) -> Gradients {
        const Tensor input = x.get();
        if (is_recording())
          return norm_gradients(dy, input, w.get(), all_but_channels(input), channels_shape(input),
                                {input.shape()[1]}, epsilon, needs);
        return as_gradients(
            kernels::batch_norm_gradient(dy, input, mean.get(), variance.get(), w.get(), epsilon,
                                         {.dx = needs[0], .dw = needs[1], .db = needs[2]}));
      },
      where);
  return {y, result.mean, result.variance};
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& mean, const Tensor& variance,
                            const Tensor& w, const Tensor& b, NormOptions options, Where where) {
  constexpr const char* kName = "batch_norm_inference";
  batch_norm_geometry(kName, x, w, b, options.epsilon, where);
  check_defined(kName, "mean", mean, where);
  check_defined(kName, "variance", variance, where);
  check_per_channel(kName, "mean", mean, x, where);
  check_per_channel(kName, "variance", variance, x, where);
  const double epsilon = options.epsilon;
  const Tensor y = kernels::batch_norm_inference(x, mean, variance, w, b, epsilon);

  return record(
      kName, {x, mean, variance, w, b}, y,
      [epsilon, x = Saved(x), mean = Saved(mean), variance = Saved(variance), w = Saved(w)](
          const Tensor& dy, const Needs& needs) -> Gradients {
        const Tensor input = x.get();
        const Axes axes = all_but_channels(input);
        const Shape channels = channels_shape(input);
        const Tensor r = rsqrt(variance.get() + epsilon);
        const Tensor scale = reshape(w.defined() ? w.get() * r : r, channels);
        Gradients gradients = Gradients::undefined(5);
        if (needs[0]) gradients[0] = dy * scale;
        if (needs[1]) gradients[1] = -sum(dy * scale, axes);
        if (needs[4]) gradients[4] = sum(dy, axes);
        if (!needs[2] && !needs[3]) return gradients;
        const Tensor centred = input - reshape(mean.get(), channels);
        if (needs[2]) gradients[2] = -0.5 * square(r) * sum(dy * scale * centred, axes);
        if (needs[3]) gradients[3] = r * sum(dy * centred, axes);
        return gradients;
      },
      where);
}

Tensor layer_norm(const Tensor& x, const Shape& shape, const Tensor& w, const Tensor& b,
                  NormOptions options, Where where) {
  layer_norm_geometry(x, shape, w, b, options.epsilon, where);
  const double epsilon = options.epsilon;
  const std::size_t axes = shape.rank();
  const kernels::Normalized result = kernels::layer_norm(x, axes, w, b, epsilon);

  return record(
      "layer_norm", {x, w, b}, result.y,
      [epsilon, axes, x = Saved(x), w = Saved(w), mean = Saved(result.mean),
       variance = Saved(result.variance)](const Tensor& dy, const Needs& needs) -> Gradients {
        const Tensor input = x.get();
        if (is_recording()) {
          Shape normalized;
          for (std::size_t axis = input.shape().rank() - axes; axis < input.shape().rank(); ++axis)
            normalized.push_back(input.shape()[axis]);
          return norm_gradients(dy, input, w.get(), last_axes(axes), normalized, normalized,
                                epsilon, needs);
        }
        return as_gradients(kernels::layer_norm_gradient(
            dy, input, axes, mean.get(), variance.get(), w.get(), epsilon,
            {.dx = needs[0], .dw = needs[1], .db = needs[2]}));
      },
      where);
}

}  // namespace tenon
