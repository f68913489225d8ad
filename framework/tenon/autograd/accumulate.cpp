#include <fmt/format.h>

#include "tenon/autograd/node_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/elementwise.h"

namespace tenon {

namespace {

/// Whether nobody else can see the memory of a gradient.
bool is_sole_owner(const Tensor& gradient) {
  const TensorImpl& impl = *gradient.impl();
  return impl.unique() && impl.storage->unique() && !impl.node &&
         is_dense(impl.shape, impl.strides);
}

}  // namespace

void accumulate(Tensor& total, Tensor gradient) {
  if (!total.defined()) {
    total = std::move(gradient);
  } else if (!is_recording() && is_sole_owner(total)) {
    kernels::add_into(total, gradient);
  } else if (!is_recording() && is_sole_owner(gradient)) {  // the same bits: addition commutes
    kernels::add_into(gradient, total);
    total = std::move(gradient);
  } else {
    total = record("accumulate", {total, gradient}, kernels::add(total, gradient),
                   [](const Tensor& dy, const Needs&) -> Gradients {
                     return {dy, dy};
                   });
  }
}

void add_to_leaf(Node& leaf, Tensor gradient, bool keep_graph) {
  Tensor& total = leaf.gradient;
  if (total.defined()) {
    if (!keep_graph && !total.requires_grad()) {
      kernels::add_into(total, gradient);
      bump_version(total);
    } else {
      accumulate(total, std::move(gradient));
    }
  } else if (keep_graph || (gradient.impl()->unique() && gradient.impl()->storage->unique() &&
                            gradient.strides() == leaf.leaf_strides)) {
    total = std::move(gradient);
  } else {
    total = kernels::copy_to_strides(gradient, leaf.leaf_strides);
  }
}

void check_gradient(const Node& node, std::string_view what, const Tensor& gradient,
                    const Output& output) {
  if (gradient.shape() == output.shape && gradient.dtype() == output.dtype) return;
  Fault(node.name, node.location.where)
      .operand("gradient", gradient)
      .note(fmt::format("expected {} {}", to_string(output.shape), to_string(output.dtype)))
      .raise<GradientError>(
          fmt::format("{} has another shape or dtype than the tensor it belongs to", what));
}

Tensor apply_hooks(Node& node, std::size_t output, Tensor gradient) {
  for (TensorHook& hook : node.hooks) {
    if (hook.output != output) continue;
    const Tensor replaced = hook.function(gradient);
    if (!replaced.defined()) continue;
    check_gradient(node, "the gradient that a hook returned", replaced, node.outputs[output]);
    gradient = replaced;
  }
  return gradient;
}

}  // namespace tenon
