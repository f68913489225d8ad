#include "tenon/autograd/backward.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <queue>

#include "tenon/autograd/node_internal.h"
#include "tenon/autograd/thread_state_internal.h"
#include "tenon/core/fault_internal.h"

namespace tenon {

namespace {

/// One run of reverse mode over the part of the graph that the outputs reach.
class Pass {
 public:
  Pass(const char* operation, const std::vector<Tensor>& outputs, const std::vector<Tensor>& seeds,
       bool create_graph, bool retain_graph, Where where)
      : operation_(operation),
        create_graph_(create_graph),
        retain_graph_(retain_graph),
        where_(where) {
    collect(outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Node* node = node_of(outputs[i]);
      accumulate(buffer(find(node), outputs[i].impl()->output_index), seed(outputs[i], seeds, i));
    }
  }

  /// Adds to grad() of every leaf; to none when a rule throws.
  void into_leaves() {
    needed_.assign(nodes_.size(), true);
    std::vector<std::pair<Node*, Tensor>> found;
    run([&](std::size_t at) {
      if (nodes_[at]->is_leaf)
        found.emplace_back(nodes_[at], std::exchange(buffer(at, 0), Tensor()));
    });
    for (auto& [leaf, gradient] : found) add_to_leaf(*leaf, std::move(gradient), create_graph_);
  }

  /// Returns the gradients of `inputs`; undefined for those that were not reached.
  std::vector<Tensor> of(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> found(inputs.size());
    std::vector<std::vector<std::size_t>> wanted(nodes_.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::size_t at = find(node_of(inputs[i]));
      if (at < nodes_.size()) wanted[at].push_back(i);
    }
    needed_.assign(nodes_.size(), false);
    for (std::size_t at = nodes_.size(); at-- > 0;) {
      needed_[at] = !wanted[at].empty();
      for (const Edge& edge : nodes_[at]->inputs)
        needed_[at] = needed_[at] || (edge.node && needed_[find(edge.node.get())]);
    }
    run([&](std::size_t at) {
      for (const std::size_t i : wanted[at]) found[i] = buffer(at, inputs[i].impl()->output_index);
    });
    return found;
  }

 private:
  void collect(const std::vector<Tensor>& outputs) {
    const auto younger = [](const Node* a, const Node* b) { return a->id < b->id; };
    std::priority_queue<Node*, std::vector<Node*>, decltype(younger)> queue(younger);
    for (const Tensor& output : outputs) queue.push(node_of(output));
    while (!queue.empty()) {
      Node* node = queue.top();
      queue.pop();
      if (!nodes_.empty() && nodes_.back() == node) continue;
      nodes_.push_back(node);
      for (const Edge& edge : node->inputs)
        if (edge.node) queue.push(edge.node.get());
    }
    first_buffer_.reserve(nodes_.size());
    std::size_t count = 0;
    for (const Node* node : nodes_) {
      first_buffer_.push_back(count);
      count += node->outputs.size();
    }
    buffers_.resize(count);
  }

  /// The place of a node in nodes_ (ids descend), or nodes_.size().
  std::size_t find(const Node* node) const {
    const auto at = std::lower_bound(nodes_.begin(), nodes_.end(), node,
                                     [](const Node* a, const Node* b) { return a->id > b->id; });
    return at != nodes_.end() && *at == node ? static_cast<std::size_t>(at - nodes_.begin())
                                             : nodes_.size();
  }
  Tensor& buffer(std::size_t at, std::size_t output) {
    return buffers_[first_buffer_[at] + output];
  }

  Tensor seed(const Tensor& output, const std::vector<Tensor>& seeds, std::size_t i) const {
    if (seeds.empty() || !seeds[i].defined()) {
      if (output.numel() != 1)
        Fault(operation_, where_)
            .operand("output", output)
            .fix("Reduce it first, with sum or mean, or give its gradient as output_gradients.")
            .raise<GradientError>("only a scalar has a gradient by itself, not a tensor of " +
                                  std::to_string(output.numel()) + " elements");
      return ones_like(output.detach());
    }
    if (seeds[i].shape() != output.shape() || seeds[i].dtype() != output.dtype())
      Fault(operation_, where_)
          .operand("output", output)
          .operand("its gradient", seeds[i])
          .raise<GradientError>("an output gradient must have the shape and dtype of its output");
    return seeds[i];
  }

  template <class Visit>
  void run(const Visit& visit) {
    std::optional<NoGradGuard> no_grad;
    if (!create_graph_) no_grad.emplace();
    for (std::size_t at = 0; at < nodes_.size(); ++at) {
      if (!needed_[at]) continue;
      Node& node = *nodes_[at];
      if (!arrive(node, at)) continue;
      visit(at);
      if (!node.is_leaf && passes_on(node)) differentiate(node, at);
      for (std::size_t output = 0; output < node.outputs.size(); ++output)
        buffer(at, output) = none;
    }
  }

  /// Whether any gradient arrived at the node; its tensor hooks may replace them.
  bool arrive(Node& node, std::size_t at) {
    bool arrived = false;
    for (std::size_t output = 0; output < node.outputs.size(); ++output) {
      Tensor& gradient = buffer(at, output);
      if (!gradient.defined()) continue;
      arrived = true;
      if (!node.hooks.empty() && (!node.is_leaf || ThreadState::current().leaf_hooks))
        gradient = apply_hooks(node, output, gradient);
    }
    return arrived;
  }

  bool passes_on(const Node& node) const {
    for (const Edge& edge : node.inputs)
      if (edge.node && needed_[find(edge.node.get())]) return true;
    return false;
  }

  void differentiate(Node& node, std::size_t at) {
    if (node.freed)
      Fault(operation_, where_)
          .note("recorded " + to_string(node.location))
          .fix("Pass {.retain_graph = true} to the first backward, or compute the output again.")
          .raise<GradientError>(
              fmt::format("the graph was freed: {} has already been differentiated", node.name));
    const std::size_t count = node.inputs.size();
    InlineVector<unsigned char, 8> needs(count);
    InlineVector<std::size_t, 8> positions(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (!node.inputs[i].node) continue;
      positions[i] = find(node.inputs[i].node.get());
      needs[i] = needed_[positions[i]];
    }
    Gradients dys = Gradients::undefined(node.outputs.size());
    for (std::size_t output = 0; output < node.outputs.size(); ++output) {
      Tensor& gradient = buffer(at, output);
      dys[output] = std::exchange(gradient, Tensor());
    }
    const Origin origin(node.location);
    const RunningRule running(node);
    Gradients dxs = node.rule(dys, Needs(needs.data()));
    if (dxs.size() != count)
      Fault(node.name, node.location.where)
          .raise<GradientError>(
              fmt::format("its rule returned {} gradients for {} inputs", dxs.size(), count));
    dys = Gradients();
    if (!retain_graph_) {
      node.freed = true;
      node.rule.reset();
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!needs[i] || !dxs[i].defined()) continue;
      const Edge& edge = node.inputs[i];
      const Output& input = edge.node->outputs[edge.output];
      if (dxs[i].shape() != input.shape || dxs[i].dtype() != input.dtype)
        check_gradient(node, fmt::format("the gradient of input {}", i), dxs[i], input);
      if (detail::anomaly_checked())
        detail::check_anomaly(node.name, &dxs[i], 1, node.location.where);
      Tensor dx = std::exchange(dxs[i], Tensor());
      accumulate(buffer(positions[i], edge.output), dx);
    }
  }

  const char* operation_;
  bool create_graph_;
  bool retain_graph_;
  Where where_;
  std::vector<Node*> nodes_;  ///< ids descend; kept alive by the outputs
  std::vector<std::size_t> first_buffer_;
  std::vector<Tensor>
      buffers_;  ///< the gradient of each output of each node, as far as it has arrived
  std::vector<char> needed_;
};

void check_outputs(const char* operation, const std::vector<Tensor>& outputs,
                   const std::vector<Tensor>& seeds, Where where) {
  if (outputs.empty())
    Fault(operation, where).raise<GradientError>("there is no output to differentiate");
  for (const Tensor& output : outputs) {
    check_defined(operation, "an output", output, where);
    if (!output.requires_grad())
      Fault(operation, where)
          .operand("output", output)
          .fix("Was it computed under a NoGradGuard, or from tensors without set_requires_grad()?")
          .raise<GradientError>("the output has no history and does not require grad");
  }
  if (!seeds.empty() && seeds.size() != outputs.size())
    Fault(operation, where)
        .raise<GradientError>(fmt::format("{} output gradients were given for {} outputs",
                                          seeds.size(), outputs.size()));
}

}  // namespace

std::vector<Tensor> gradients(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                              const GradientOptions& options, Where where) {
  check_outputs("gradients", outputs, options.output_gradients, where);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_defined("gradients", "an input", inputs[i], where);
    if (!inputs[i].requires_grad())
      Fault("gradients", where)
          .operand(fmt::format("input {}", i), inputs[i])
          .fix("Call set_requires_grad() on it before it is used.")
          .raise<GradientError>(fmt::format("input {} does not require grad", i));
  }
  Pass pass("gradients", outputs, options.output_gradients, options.create_graph,
            options.create_graph || options.retain_graph, where);
  std::vector<Tensor> found = pass.of(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!found[i].defined() && !options.allow_unused)
      Fault("gradients", where)
          .operand(fmt::format("input {}", i), inputs[i])
          .fix("Pass {.allow_unused = true} to get an undefined tensor for it.")
          .raise<GradientError>(fmt::format("the outputs do not depend on input {}", i));
  return found;
}

std::vector<Tensor> gradients(const Tensor& output, const std::vector<Tensor>& inputs,
                              const GradientOptions& options, Where where) {
  return gradients(std::vector<Tensor>{output}, inputs, options, where);
}

void backward(const std::vector<Tensor>& outputs, const BackwardOptions& options, Where where) {
  check_outputs("backward", outputs, options.output_gradients, where);
  Pass pass("backward", outputs, options.output_gradients, options.create_graph,
            options.create_graph || options.retain_graph, where);
  pass.into_leaves();
}

void Tensor::backward(Where where) const { tenon::backward({*this}, {}, where); }
void Tensor::backward(const BackwardOptions& options, Where where) const {
  tenon::backward({*this}, options, where);
}

}  // namespace tenon
