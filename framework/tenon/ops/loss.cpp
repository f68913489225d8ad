#include "tenon/ops/loss.h"

#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/loss.h"
#include "tenon/ops/activation.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/loss_internal.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

Tensor negative_log_likelihood(const Tensor& x, const kernels::ClassTargets& targets);

/// dx_c = -weight_c scale [c = label], linear in scale: its gradient is the loss itself, without a
/// mean.
Tensor nll_gradient(const Tensor& scale, const kernels::ClassTargets& targets, std::int64_t classes,
                    std::size_t axis) {
  Tensor dx = kernels::nll_gradient(scale, targets, classes, axis);

  return record("nll_loss_gradient", {scale}, dx,
                [labels = Saved(targets.labels), weight = Saved(targets.weight),
                 ignore_index = targets.ignore_index](const Tensor& g, const Needs&) -> Gradients {
                  return {negative_log_likelihood(g, {labels.get(), weight.get(), ignore_index})};
                });
}

/// loss = -weight_t x_t of the single samples, linear in x.
Tensor negative_log_likelihood(const Tensor& x, const kernels::ClassTargets& targets) {
  const std::size_t axis = class_axis(x);
  Tensor losses = kernels::nll(x, targets, axis);

  return record(
      "nll_loss", {x}, losses,
      [labels = Saved(targets.labels), weight = Saved(targets.weight),
       ignore_index = targets.ignore_index, classes = x.shape()[axis],
       axis](const Tensor& dy, const Needs&) -> Gradients {
        return {nll_gradient(dy, {labels.get(), weight.get(), ignore_index}, classes, axis)};
      });
}

void check_broadcasts_to(const char* name, const Tensor& weight, const Tensor& logits,
                         Where where) {
  if (!weight.defined()) return;
  const char* operation = "binary_cross_entropy_with_logits";
  check_same_dtype(operation, "logits", logits, name, weight, where);
  const std::size_t added = logits.shape().rank() - weight.shape().rank();
  bool fits = weight.shape().rank() <= logits.shape().rank();
  for (std::size_t i = 0; fits && i < weight.shape().rank(); ++i)
    fits = weight.shape()[i] == 1 || weight.shape()[i] == logits.shape()[i + added];
  if (!fits)
    Fault(operation, where)
        .operand("logits", logits)
        .operand(name, weight)
        .raise<ShapeError>(fmt::format("{} of shape {} does not broadcast to {}", name,
                                       to_string(weight.shape()), to_string(logits.shape())));
}

}  // namespace

Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const NllOptions& options,
                Where where) {
  const kernels::ClassTargets labels =
      class_targets("nll_loss", "log_probabilities", log_probabilities, targets, options.weight,
                    options.ignore_index, where);
  const Origin origin(where);
  Tensor losses = negative_log_likelihood(log_probabilities, labels);
  if (options.reduction == Reduction::none) return losses;
  const Tensor total = sum(losses);
  return options.reduction == Reduction::mean ? total / kernels::counted_weight(labels) : total;
}

Tensor mse_loss(const Tensor& prediction, const Tensor& target, LossOptions options, Where where) {
  check_same("mse_loss", "prediction", prediction, "target", target, where);
  const Origin origin(where);
  return reduce_losses(square(prediction - target), options.reduction);
}

Tensor l1_loss(const Tensor& prediction, const Tensor& target, LossOptions options, Where where) {
  check_same("l1_loss", "prediction", prediction, "target", target, where);
  const Origin origin(where);
  return reduce_losses(abs(prediction - target), options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        const BinaryCrossEntropyOptions& options, Where where) {
  check_same("binary_cross_entropy_with_logits", "logits", logits, "targets", targets, where);
  check_broadcasts_to("weight", options.weight, logits, where);
  check_broadcasts_to("pos_weight", options.pos_weight, logits, where);
  const Origin origin(where);
  // -log(sigmoid(x)) = softplus(-x) and -log(1 - sigmoid(x)) = x + softplus(-x)
  Tensor positive = softplus(-logits);
  if (options.pos_weight.defined())
    positive = positive * (1.0 + (options.pos_weight - 1.0) * targets);
  Tensor losses = (1.0 - targets) * logits + positive;
  if (options.weight.defined()) losses = losses * options.weight;
  return reduce_losses(losses, options.reduction);
}

}  // namespace tenon
