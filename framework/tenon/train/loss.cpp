#include "tenon/train/loss.h"

#include "tenon/core/type_name_internal.h"
#include "tenon/kernels/loss.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/loss_internal.h"

namespace tenon {
namespace {

double elements_of(const Tensor& x) { return static_cast<double>(x.numel()); }

/// What the mean over class indices, or over probabilities, divides by.
double class_weight(const char* operation, const char* name, const Tensor& x, const Tensor& targets,
                    const Tensor& weight, std::int64_t ignore_index, Where where) {
  if (is_floating(targets.dtype()))
    return elements_of(x) / static_cast<double>(x.shape()[class_axis(x)]);
  return kernels::counted_weight(
      class_targets(operation, name, x, targets, weight, ignore_index, where));
}

}  // namespace

LossSum Loss::of_batch(const Tensor& mean, const Tensor& outputs) {
  const double samples = outputs.rank() > 0 ? static_cast<double>(outputs.shape()[0]) : 1.0;
  return {mean * samples, samples};
}

std::string Loss::name() const {
  const std::string name = short_type_name(type_);
  return name.find('{') == std::string::npos ? name : "function";
}

namespace losses {

LossSum CrossEntropy::operator()(const Tensor& logits, const Tensor& targets, Where where) const {
  CrossEntropyOptions options = options_;
  options.reduction = Reduction::sum;
  Tensor sum = cross_entropy(logits, targets, options, where);
  return {sum, class_weight("cross_entropy", "logits", logits, targets, options.weight,
                            options.ignore_index, where)};
}

LossSum NegativeLogLikelihood::operator()(const Tensor& log_probabilities, const Tensor& targets,
                                          Where where) const {
  NllOptions options = options_;
  options.reduction = Reduction::sum;
  Tensor sum = nll_loss(log_probabilities, targets, options, where);
  return {sum, class_weight("nll_loss", "log_probabilities", log_probabilities, targets,
                            options.weight, options.ignore_index, where)};
}

LossSum MeanSquaredError::operator()(const Tensor& prediction, const Tensor& target,
                                     Where where) const {
  return {mse_loss(prediction, target, {.reduction = Reduction::sum}, where),
          elements_of(prediction)};
}

LossSum MeanAbsoluteError::operator()(const Tensor& prediction, const Tensor& target,
                                      Where where) const {
  return {l1_loss(prediction, target, {.reduction = Reduction::sum}, where),
          elements_of(prediction)};
}

LossSum BinaryCrossEntropy::operator()(const Tensor& logits, const Tensor& targets,
                                       Where where) const {
  BinaryCrossEntropyOptions options = options_;
  options.reduction = Reduction::sum;
  return {binary_cross_entropy_with_logits(logits, targets, options, where), elements_of(logits)};
}

}  // namespace losses
}  // namespace tenon
