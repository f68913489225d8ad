#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/loss.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/loss_internal.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tenon/ops/softmax.h"

namespace tenon {
namespace {

/// What rules hold of the targets.
struct SavedTargets {
  Saved labels;
  Saved weight;
  std::int64_t ignore_index;
  double label_smoothing;

  kernels::ClassTargets get() const {
    return {labels.get(), weight.get(), ignore_index, label_smoothing};
  }
};

SavedTargets save(const kernels::ClassTargets& targets) {
  return {Saved(targets.labels), Saved(targets.weight), targets.ignore_index,
          targets.label_smoothing};
}

/// dx_c = scale * (mass p_c - q_c): the gradient of the losses of the single samples, scaled; p is
/// softmax(x), q the smoothed and weighted target, mass its sum. The given p is data; derivatives
/// flow through x.
Tensor cross_entropy_gradient(const Tensor& scale, const Tensor& x, const Tensor& p,
                              const kernels::ClassTargets& targets,
                              Where where = Where::current()) {
  const std::size_t axis = class_axis(x);
  Tensor dx = kernels::cross_entropy_gradient(scale, p, targets, axis);

  return record(
      "cross_entropy_gradient", {scale, x}, dx,
      [scale = Saved(scale), x = Saved(x), saved = save(targets)](const Tensor& g,
                                                                  const Needs& needs) -> Gradients {
        const auto class_axis_of = static_cast<std::int64_t>(class_axis(x.get()));
        const kernels::ClassTargets labels = saved.get();
        const Tensor s = scale.get();
        const Tensor probabilities = softmax(x.get(), class_axis_of);
        Gradients gradients = Gradients::undefined(2);
        if (needs[0])
          gradients[0] =
              sum(g * cross_entropy_gradient(ones_like(s), x.get(), probabilities.detach(), labels),
                  class_axis_of);
        if (needs[1]) {
          const Tensor mass =
              kernels::target_mass(labels, x.shape()[class_axis(x.get())], x.dtype());
          gradients[1] = softmax_gradient(g * unsqueeze(s * mass, class_axis_of), probabilities,
                                          class_axis_of);
        }
        return gradients;
      },
      where);
}

Tensor index_cross_entropy(const Tensor& logits, const Tensor& targets,
                           const CrossEntropyOptions& options, Where where) {
  kernels::ClassTargets labels = class_targets("cross_entropy", "logits", logits, targets,
                                               options.weight, options.ignore_index, where);
  labels.label_smoothing = options.label_smoothing;
  const Reduction reduction = options.reduction;
  const bool saves = is_recording() && logits.requires_grad();
  kernels::CrossEntropy result = kernels::cross_entropy(logits, labels, class_axis(logits),
                                                        reduction == Reduction::none, saves);
  const double divisor = reduction == Reduction::mean ? kernels::counted_weight(labels) : 1.0;
  Tensor loss = reduction == Reduction::none
                    ? result.losses
                    : Tensor::full({}, result.total / divisor, {.dtype = logits.dtype()}, where);

  return record(
      "cross_entropy", {logits}, loss,
      [x = Saved(logits), p = Saved(result.probabilities), saved = save(labels), divisor,
       reduction](const Tensor& dy, const Needs&) -> Gradients {
        const kernels::ClassTargets targets_now = saved.get();
        if (!is_recording())
          return {kernels::cross_entropy_gradient(dy, p.get(), targets_now, class_axis(p.get()),
                                                  1 / divisor)};
        const Tensor each = reduction == Reduction::mean ? dy / divisor : dy;
        const Tensor scale =
            reduction == Reduction::none ? each : expand(each, targets_now.labels.shape());
        return {cross_entropy_gradient(scale, x.get(), p.get(), targets_now)};
      },
      where);
}

Tensor probability_cross_entropy(const Tensor& logits, const Tensor& targets,
                                 const CrossEntropyOptions& options, Where where) {
  check_floating("cross_entropy", logits, where, "logits");
  check_same_dtype("cross_entropy", "logits", logits, "targets", targets, where);
  const auto fault = [&] {
    return Fault("cross_entropy", where).operand("logits", logits).operand("targets", targets);
  };
  if (logits.rank() == 0) fault().raise<ShapeError>("logits has no class axis");
  if (!(logits.shape() == targets.shape()))
    fault()
        .fix(
            "Probabilities have the shape of the logits; class indices are i64, i32 or u8: "
            "targets.to(Dtype::i64).")
        .raise<ShapeError>(fmt::format("logits has shape {} but targets have {}",
                                       to_string(logits.shape()), to_string(targets.shape())));
  if (options.ignore_index >= 0)
    fault().raise<DataError>(
        fmt::format("ignore_index = {} is for class indices, but the targets are probabilities",
                    options.ignore_index));
  check_class_weight("cross_entropy", "logits", logits, options.weight, where);

  const Origin origin(where);
  const auto axis = static_cast<std::int64_t>(class_axis(logits));
  const std::int64_t classes = logits.size(axis);
  Tensor log_probabilities = log_softmax(logits, axis);
  if (options.weight.defined()) {
    Shape across = Shape::filled(logits.shape().rank(), 1);
    across[static_cast<std::size_t>(axis)] = classes;
    log_probabilities = log_probabilities * reshape(options.weight, across);
  }
  const Tensor smoothed = options.label_smoothing == 0
                              ? targets
                              : targets * (1 - options.label_smoothing) +
                                    options.label_smoothing / static_cast<double>(classes);
  return reduce_losses(-sum(log_probabilities * smoothed, axis), options.reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                     const CrossEntropyOptions& options, Where where) {
  check_defined("cross_entropy", "logits", logits, where);
  check_defined("cross_entropy", "targets", targets, where);
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    Fault("cross_entropy", where)
        .operand("logits", logits)
        .raise<DataError>(
            fmt::format("label_smoothing = {} is not between 0 and 1", options.label_smoothing));
  return is_floating(targets.dtype()) ? probability_cross_entropy(logits, targets, options, where)
                                      : index_cross_entropy(logits, targets, options, where);
}

}  // namespace tenon
