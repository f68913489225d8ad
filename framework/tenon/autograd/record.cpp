#include "tenon/autograd/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tenon/autograd/node_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/strided_internal.h"

namespace tenon {

Gradients::Gradients(std::initializer_list<Tensor> tensors) : size_(tensors.size()) {
  if (size_ > kInline) {
    more_ = tensors;
  } else {
    std::size_t i = 0;
    for (const Tensor& tensor : tensors) inline_[i++] = tensor;
  }
}
Gradients::Gradients(std::vector<Tensor> tensors) : size_(tensors.size()) {
  if (size_ > kInline) {
    more_ = std::move(tensors);
  } else {
    for (std::size_t i = 0; i < size_; ++i) inline_[i] = std::move(tensors[i]);
  }
}
Gradients Gradients::undefined(std::size_t count) {
  Gradients gradients;
  gradients.size_ = count;
  if (count > kInline) gradients.more_.resize(count);
  return gradients;
}

Saved::Saved(const Tensor& x) : tensor_(x), version_(x.defined() ? x.version() : 0) {}

Saved Saved::output(const Tensor& y, int index) {
  Saved saved;
  if (!is_recording()) return saved;  // nothing will ask for it
  saved.tensor_ = make_view(y, y.shape(), y.strides(), y.impl()->offset);
  saved.version_ = y.version();
  saved.output_ = index;
  return saved;
}

Tensor Saved::get() const {
  if (!tensor_.defined()) return tensor_;
  Node* running = RunningRule::current();
  if (tensor_.version() != version_) {
    const Where where = running ? running->location.where : Where::current();
    Fault(running ? running->name : "backward", where)
        .operand(output_ < 0 ? "input" : "output", tensor_)
        .note(fmt::format("It was at version {} when it was saved and is at version {} now.",
                          version_, tensor_.version()))
        .fix("Write to a copy (clone()), or after backward.")
        .raise<GradientError>("a tensor that its gradient needs was modified in place");
  }
  if (output_ < 0) return tensor_;
  if (!running)
    throw GradientError(
        "Saved::get: a saved output can be read inside the rule of its operation alone.");
  if (!is_recording()) return tensor_;
  Tensor joined = make_view(tensor_, tensor_.shape(), tensor_.strides(), tensor_.impl()->offset);
  joined.impl()->node = running;
  joined.impl()->output_index = static_cast<std::uint16_t>(output_);
  return joined;
}

bool detail::is_recorded(const Tensor* inputs, std::size_t count) noexcept {
  if (!is_recording()) return false;
  for (std::size_t i = 0; i < count; ++i)
    if (inputs[i].requires_grad()) return true;
  return false;
}

void detail::record(const char* name, const Tensor* inputs, std::size_t input_count,
                    Tensor* outputs, std::size_t output_count, Rule&& rule, Where where) {
  std::uint64_t newest_input = 0;
  for (std::size_t i = 0; i < input_count; ++i)
    if (inputs[i].requires_grad()) newest_input = std::max(newest_input, node_of(inputs[i])->id);
  const auto node =
      Handle<Node>::of_fresh(new Node(NodeIds::next(newest_input), name, locate(where), input_count,
                                      output_count, std::move(rule)));
  for (std::size_t i = 0; i < input_count; ++i)
    if (inputs[i].requires_grad())
      node->inputs[i] = {node_of(inputs[i]), inputs[i].impl()->output_index};
  for (std::size_t i = 0; i < output_count; ++i) {
    check_defined(name, "the result given to record", outputs[i], where);
    TensorImpl& output = *outputs[i].impl();
    if (output.node) {
      Fault(name, where)
          .operand("y", outputs[i])
          .fix("Compute it under a NoGradGuard, or return y.detach() of it.")
          .raise<GradientError>("the result given to record already has a history");
    }
    node->outputs[i] = {output.shape, output.dtype};
    if (!is_floating(output.dtype)) continue;  // indices and masks have no gradient
    output.node = node.get();
    output.output_index = static_cast<std::uint16_t>(i);
  }
}

void detail::check_anomaly(const char* name, const Tensor* outputs, std::size_t count,
                           Where where) {
  for (std::size_t i = 0; i < count; ++i) {
    const Tensor& y = outputs[i];
    if (!y.defined() || !is_floating(y.dtype())) continue;
    double bad = 0;
    visit_floating(y.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* values = elements<T>(y);
      for_each_offset(y.shape(), y.strides(), [&](std::int64_t offset) {
        if (!std::isfinite(values[offset])) bad = static_cast<double>(values[offset]);
      });
    });
    if (bad != 0)  // also NaN
      Fault(name, where)
          .operand("y", y)
          .raise<GradientError>(fmt::format("the result contains {}", bad));
  }
}

}  // namespace tenon
