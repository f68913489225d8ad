#include <fmt/format.h>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/ops/loss_internal.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

const char* axes_of(const Tensor& logits) {
  if (logits.rank() == 1) return "C";
  return logits.rank() == 2 ? "N, C" : "N, C, ...";
}

std::string index_text(std::int64_t position, const Shape& shape) {
  Shape index = shape;
  for (std::size_t i = shape.rank(); i-- > 0; position /= shape[i]) index[i] = position % shape[i];
  return shape.rank() == 0 ? "" : to_string(index);
}

}  // namespace

void check_class_weight(const char* operation, const char* logits_name, const Tensor& logits,
                        const Tensor& weight, Where where) {
  if (!weight.defined()) return;
  check_same_dtype(operation, logits_name, logits, "weight", weight, where);
  const std::int64_t classes = logits.shape()[class_axis(logits)];
  if (!(weight.shape() == Shape{classes}))
    Fault(operation, where)
        .operand(logits_name, logits, axes_of(logits))
        .operand("weight", weight, "C")
        .raise<ShapeError>(fmt::format("weight has shape {} but there are {} classes",
                                       to_string(weight.shape()), classes));
  if (is_recording() && weight.requires_grad())
    Fault(operation, where)
        .operand("weight", weight)
        .fix("Pass weight.detach().")
        .raise<GradientError>("weight requires grad, but class weights are constants");
}

kernels::ClassTargets class_targets(const char* operation, const char* logits_name,
                                    const Tensor& logits, const Tensor& targets,
                                    const Tensor& weight, std::int64_t ignore_index, Where where) {
  check_floating(operation, logits, where, logits_name);
  check_defined(operation, "targets", targets, where);
  const auto fault = [&] {
    return Fault(operation, where)
        .operand(logits_name, logits, axes_of(logits))
        .operand("targets", targets);
  };
  if (logits.rank() == 0)
    fault().raise<ShapeError>(fmt::format("{} has no class axis", logits_name));
  if (!is_integer(targets.dtype()))
    fault()
        .fix("Class indices are i64, i32 or u8: targets.to(Dtype::i64).")
        .raise<DtypeError>(
            fmt::format("targets are {}, not class indices", to_string(targets.dtype())));
  const std::size_t axis = class_axis(logits);
  Shape expected = logits.shape();
  expected.erase(axis);
  if (!(targets.shape() == expected)) {
    Fault misfit = fault();
    if (targets.shape() == logits.shape())
      misfit.fix(fmt::format("One-hot targets are probabilities: targets.to(Dtype::{}).",
                             to_string(logits.dtype())));
    else
      misfit.fix(fmt::format("Give one class index for each place of the logits: shape {}.",
                             to_string(expected)));
    misfit.raise<ShapeError>(
        fmt::format("targets have shape {} but the class indices of {} have {}",
                    to_string(targets.shape()), to_string(logits.shape()), to_string(expected)));
  }
  check_class_weight(operation, logits_name, logits, weight, where);

  Tensor labels = targets.dtype() == Dtype::i64 ? targets : kernels::convert(targets, Dtype::i64);
  if (!labels.is_contiguous())
    labels = kernels::copy_to_strides(labels, contiguous_strides(expected));
  const std::int64_t classes = logits.shape()[axis];
  if (const std::int64_t bad = kernels::first_bad_label(labels, classes, ignore_index); bad >= 0)
    fault()
        .note(fmt::format("Class indices are below {}, from 0 on; ignore_index is {}.", classes,
                          ignore_index))
        .raise<DataError>(fmt::format("targets{} is {}, but there are {} classes",
                                      index_text(bad, expected),
                                      elements<std::int64_t>(labels)[bad], classes));
  return {labels, weight, ignore_index, 0};
}

void check_same(const char* operation, const char* name_a, const Tensor& a, const char* name_b,
                const Tensor& b, Where where) {
  check_floating(operation, a, where, name_a);
  check_floating(operation, b, where, name_b);
  check_same_dtype(operation, name_a, a, name_b, b, where);
  if (!(a.shape() == b.shape()))
    Fault(operation, where)
        .operand(name_a, a)
        .operand(name_b, b)
        .fix("Losses do not broadcast: reshape or expand one of them.")
        .raise<ShapeError>(fmt::format("{} has shape {} but {} has {}", name_a,
                                       to_string(a.shape()), name_b, to_string(b.shape())));
}

Tensor reduce_losses(const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::none) return losses;
  return reduction == Reduction::mean ? mean(losses) : sum(losses);
}

}  // namespace tenon
