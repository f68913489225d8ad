#include "tenon/autograd/backward.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "tenon/autograd/backward_internal.h"
#include "tenon/autograd/node_internal.h"
#include "tenon/autograd/pass_memory_internal.h"
#include "tenon/autograd/thread_state_internal.h"
#include "tenon/core/fault_internal.h"

namespace tenon {

namespace {

/// The queue hands out the largest id first.
bool is_older(const Node* a, const Node* b) { return a->id < b->id; }

constexpr std::uint32_t kNone = UINT32_MAX;

/// What a pass starts from.
struct PassStart {
  const char* operation;
  std::span<const Tensor> outputs;
  std::span<const Tensor> seeds;  ///< of each output, or empty
  bool create_graph = false;
  bool retain_graph = false;
  std::uint64_t first_id = 0;  ///< operations with lower ids must not be reached
  Where where;
};

/// One run of reverse mode over the part of the graph that the outputs reach.
class Pass {
 public:
  explicit Pass(const PassStart& start) : start_(start), memory_(*borrowed_) {
    collect();
    for (std::size_t i = 0; i < start_.outputs.size(); ++i) {
      const Tensor& output = start_.outputs[i];
      accumulate(buffer(find(node_of(output)), output.impl()->output_index), seed(i));
    }
  }

  /// Adds to grad() of every leaf; to none when a rule throws.
  void into_leaves() {
    memory_.needed.assign(nodes().size(), true);
    run([&](std::size_t at) {
      if (nodes()[at]->is_leaf)
        memory_.leaves.emplace_back(nodes()[at], std::exchange(buffer(at, 0), Tensor()));
    });
    for (auto& [leaf, gradient] : memory_.leaves)
      add_to_leaf(*leaf, std::move(gradient), start_.create_graph);
  }

  /// Returns the gradients of `inputs`; undefined for those that were not reached.
  std::vector<Tensor> of(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> found(inputs.size());
    memory_.first_wanted.assign(nodes().size(), kNone);
    memory_.next_wanted.assign(inputs.size(), kNone);
    for (std::size_t i = inputs.size(); i-- > 0;) {
      const std::size_t at = find(node_of(inputs[i]));
      if (at == nodes().size()) continue;
      memory_.next_wanted[i] = memory_.first_wanted[at];
      memory_.first_wanted[at] = static_cast<std::uint32_t>(i);
    }
    memory_.needed.assign(nodes().size(), false);
    for (std::size_t at = nodes().size(); at-- > 0;) {
      char& needed = memory_.needed[at];
      needed = memory_.first_wanted[at] != kNone;
      for (std::size_t i = 0; i < nodes()[at]->inputs.size(); ++i) needed = needed || needs(at, i);
    }
    run([&](std::size_t at) {
      for (std::uint32_t i = memory_.first_wanted[at]; i != kNone; i = memory_.next_wanted[i])
        found[i] = buffer(at, inputs[i].impl()->output_index);
    });
    return found;
  }

 private:
  const std::vector<Node*>& nodes() const { return memory_.nodes; }

  void push(Node* node) {
    if (node->id < start_.first_id && !node->is_leaf)
      Fault(start_.operation, start_.where)
          .note("recorded " + to_string(node->location))
          .fix("Compute it inside the function of the loss, or detach() it.")
          .raise<GradientError>(
              fmt::format("the loss depends on a {} that was recorded before the call, which "
                          "shards cannot share",
                          node->name));
    memory_.queue.push_back(node);
    std::push_heap(memory_.queue.begin(), memory_.queue.end(), is_older);
  }

  /// Lists the nodes, newest first, and where their edges lead.
  void collect() {
    auto& [queue, nodes, first_buffer, first_edge, targets, buffers, needed, first_wanted,
           next_wanted, leaves] = memory_;
    for (const Tensor& output : start_.outputs) push(node_of(output));
    std::uint32_t buffer_count = 0, edge_count = 0;
    while (!queue.empty()) {
      std::pop_heap(queue.begin(), queue.end(), is_older);
      Node* node = queue.back();
      queue.pop_back();
      if (!nodes.empty() && nodes.back() == node) continue;
      nodes.push_back(node);
      first_buffer.push_back(buffer_count);
      first_edge.push_back(edge_count);
      buffer_count += static_cast<std::uint32_t>(node->outputs.size());
      edge_count += static_cast<std::uint32_t>(node->inputs.size());
      for (const Edge& edge : node->inputs)
        if (edge.node) push(edge.node.get());
    }
    buffers.resize(buffer_count);
    targets.reserve(edge_count);
    for (std::size_t at = 0; at < nodes.size(); ++at)
      for (const Edge& edge : nodes[at]->inputs)
        targets.push_back(edge.node ? static_cast<std::uint32_t>(find(edge.node.get(), at + 1))
                                    : kNone);
  }

  /// The place of a node in nodes(), at `first` or behind; nodes().size() if it is not there.
  std::size_t find(const Node* node, std::size_t first = 0) const {
    // In a chain the next one is it.
    if (first < nodes().size() && nodes()[first] == node) return first;
    const auto at =
        std::lower_bound(nodes().begin() + static_cast<std::ptrdiff_t>(first), nodes().end(), node,
                         [](const Node* a, const Node* b) { return a->id > b->id; });
    return at != nodes().end() && *at == node ? static_cast<std::size_t>(at - nodes().begin())
                                              : nodes().size();
  }
  std::uint32_t target(std::size_t at, std::size_t input) const {
    return memory_.targets[memory_.first_edge[at] + input];
  }
  bool needs(std::size_t at, std::size_t input) const {
    const std::uint32_t to = target(at, input);
    return to != kNone && memory_.needed[to];
  }
  Tensor& buffer(std::size_t at, std::size_t output) {
    return memory_.buffers[memory_.first_buffer[at] + output];
  }

  Tensor seed(std::size_t i) const {
    const Tensor& output = start_.outputs[i];
    if (start_.seeds.empty() || !start_.seeds[i].defined()) {
      if (output.numel() != 1)
        Fault(start_.operation, start_.where)
            .operand("output", output)
            .fix("Reduce it first, with sum or mean, or give its gradient as output_gradients.")
            .raise<GradientError>("only a scalar has a gradient by itself, not a tensor of " +
                                  std::to_string(output.numel()) + " elements");
      return ones_like(output.detach());
    }
    const Tensor& given = start_.seeds[i];
    if (given.shape() != output.shape() || given.dtype() != output.dtype())
      Fault(start_.operation, start_.where)
          .operand("output", output)
          .operand("its gradient", given)
          .raise<GradientError>("an output gradient must have the shape and dtype of its output");
    return given;
  }

  template <class Visit>
  void run(const Visit& visit) {
    std::optional<NoGradGuard> no_grad;
    if (!start_.create_graph) no_grad.emplace();
    for (std::size_t at = 0; at < nodes().size(); ++at) {
      if (!memory_.needed[at]) continue;
      Node& node = *nodes()[at];
      if (!arrive(node, at)) continue;
      visit(at);
      if (!node.is_leaf) differentiate(node, at);
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

  void differentiate(Node& node, std::size_t at) {
    const std::size_t count = node.inputs.size();
    InlineVector<unsigned char, 8> wanted(count);
    bool any = false;
    for (std::size_t i = 0; i < count; ++i) {
      wanted[i] = needs(at, i);
      any = any || wanted[i];
    }
    if (!any) return;
    if (node.freed)
      Fault(start_.operation, start_.where)
          .note("recorded " + to_string(node.location))
          .fix("Pass {.retain_graph = true} to the first backward, or compute the output again.")
          .raise<GradientError>(
              fmt::format("the graph was freed: {} has already been differentiated", node.name));
    Gradients dys = Gradients::undefined(node.outputs.size());
    for (std::size_t output = 0; output < node.outputs.size(); ++output)
      dys[output] = std::exchange(buffer(at, output), Tensor());
    const Origin origin(node.location);
    const RunningRule running(node);
    Gradients dxs = node.rule(dys, Needs(wanted.data()));
    if (dxs.size() != count)
      Fault(node.name, node.location.where)
          .raise<GradientError>(
              fmt::format("its rule returned {} gradients for {} inputs", dxs.size(), count));
    dys = Gradients();
    if (!start_.retain_graph) {
      node.freed = true;
      node.rule.reset();
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!wanted[i] || !dxs[i].defined()) continue;
      const Edge& edge = node.inputs[i];
      const Output& input = edge.node->outputs[edge.output];
      if (dxs[i].shape() != input.shape || dxs[i].dtype() != input.dtype)
        check_gradient(node, fmt::format("the gradient of input {}", i), dxs[i], input);
      if (detail::anomaly_checked())
        detail::check_anomaly(node.name, &dxs[i], 1, node.location.where);
      accumulate(buffer(target(at, i), edge.output), std::exchange(dxs[i], Tensor()));
    }
  }

  const PassStart start_;
  const BorrowedPassMemory borrowed_;
  PassMemory& memory_;
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
  Pass pass({.operation = "gradients",
             .outputs = outputs,
             .seeds = options.output_gradients,
             .create_graph = options.create_graph,
             .retain_graph = options.create_graph || options.retain_graph,
             .where = where});
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

std::vector<Tensor> gradients_of_own_graph(const char* operation, const Tensor& output,
                                           const Tensor& seed, const std::vector<Tensor>& inputs,
                                           std::uint64_t first_id, Where where) {
  return Pass({.operation = operation,
               .outputs = {&output, 1},
               .seeds = {&seed, 1},
               .first_id = first_id,
               .where = where})
      .of(inputs);
}

void backward(const std::vector<Tensor>& outputs, const BackwardOptions& options, Where where) {
  check_outputs("backward", outputs, options.output_gradients, where);
  Pass pass({.operation = "backward",
             .outputs = outputs,
             .seeds = options.output_gradients,
             .create_graph = options.create_graph,
             .retain_graph = options.create_graph || options.retain_graph,
             .where = where});
  pass.into_leaves();
}

void Tensor::backward(Where where) const { tenon::backward({*this}, {}, where); }
void Tensor::backward(const BackwardOptions& options, Where where) const {
  tenon::backward({*this}, options, where);
}

}  // namespace tenon
