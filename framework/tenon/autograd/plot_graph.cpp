#include "tenon/autograd/plot_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "tenon/autograd/graph_walk_internal.h"
#include "tenon/core/dot_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/with_commas_internal.h"

namespace tenon {
namespace {

/// A leaf that more operations than these take has a box beside each of them: Graphviz needs
/// minutes for the long arrows from the weights of a recurrent network to its hundreds of steps.
constexpr int kMostArrows = 4;

void check(const Tensor& loss, const PlotGraphOptions& options, Where where) {
  check_defined("plot_graph", "the loss", loss, where);
  if (!loss.requires_grad())
    Fault("plot_graph", where)
        .operand("loss", loss)
        .fix("Was it computed under a NoGradGuard, or from tensors without set_requires_grad()?")
        .raise<GradientError>("the loss has no history and does not require grad");
  if (options.max_nodes < 1)
    Fault("plot_graph", where)
        .raise<ShapeError>(
            fmt::format("max_nodes must be at least 1 but is {}", options.max_nodes));
}

class GraphWriter {
 public:
  explicit GraphWriter(const PlotGraphOptions& options) : max_nodes_(options.max_nodes) {
    for (const auto& [name, tensor] : options.parameters.leaves())
      if (tensor.requires_grad()) names_.emplace(node_of(tensor), name);
  }

  /// `nodes`: each after its inputs.
  std::string write(const std::vector<const Node*>& nodes) {
    const auto operations =
        std::count_if(nodes.begin(), nodes.end(), [](const Node* node) { return !node->is_leaf; });
    std::int64_t left_out = std::max<std::int64_t>(0, operations - max_nodes_);
    if (operations == 0) add_leaf(*nodes.back());
    if (left_out > 0)
      text_ += fmt::format(
          "  rest [label=<{} older operations are left out<br/>max_nodes = {}>, shape=plain, "
          "fontcolor=\"#768390\"]\n",
          with_commas(left_out), with_commas(max_nodes_));
    std::vector<const Node*> drawn;
    for (const Node* node : nodes)
      if (!node->is_leaf && left_out-- <= 0) drawn.push_back(node);
    for (const Node* node : drawn)
      for (const Edge& edge : node->inputs)
        if (edge.node && edge.node->is_leaf) ++uses_[edge.node.get()].all;
    for (const Node* node : drawn) add_operation(*node);
    return "digraph graph_of_loss {\n" +
           dot_header(any_freed_ ? "dashed: freed by a backward pass" : " ") + text_ + "}\n";
  }

 private:
  struct Uses {
    int all = 0;
    int drawn = 0;
  };

  /// A box; returns its number.
  std::size_t add_box(const Node& node, std::string_view name, std::string details,
                      std::string_view attributes) {
    for (const Output& output : node.outputs)
      details += fmt::format("{}{} {}", details.empty() ? "" : "<br/>", to_string(output.shape),
                             to_string(output.dtype));
    text_ += fmt::format("  n{} [label=<<b>{}</b><br/>{}>, {}, tooltip=\"{}\"]\n", boxes_,
                         dot_text(name), dot_detail(details), attributes,
                         dot_text(to_string(node.location)));
    return boxes_++;
  }

  std::size_t add_leaf(const Node& leaf) {
    const auto name = names_.find(&leaf);
    Uses& uses = uses_[&leaf];
    ++uses.drawn;
    return add_box(leaf, name == names_.end() ? "leaf" : name->second,
                   uses.all > kMostArrows ? fmt::format("use {} of {}", uses.drawn, uses.all) : "",
                   kDotWeighted);
  }

  /// The box that an arrow comes from.
  std::string box_of(const Node& input) {
    const auto known = numbers_.find(&input);
    if (known != numbers_.end()) return fmt::format("n{}", known->second);
    if (!input.is_leaf) return "rest";
    const std::size_t number = add_leaf(input);
    if (uses_[&input].all <= kMostArrows) numbers_.emplace(&input, number);
    return fmt::format("n{}", number);
  }

  void add_operation(const Node& node) {
    std::vector<std::string> inputs;
    for (const Edge& edge : node.inputs)
      if (edge.node) inputs.push_back(box_of(*edge.node));
    any_freed_ = any_freed_ || node.freed;
    const std::size_t number =
        add_box(node, node.name, dot_text(to_string(node.location.path)),
                node.freed ? fmt::format("{}, style=\"rounded,filled,dashed\"", kDotPlain)
                           : std::string(kDotPlain));
    numbers_.emplace(&node, number);
    for (const std::string& input : inputs) text_ += fmt::format("  {} -> n{}\n", input, number);
  }

  const std::int64_t max_nodes_;
  std::unordered_map<const Node*, std::string_view> names_;
  std::unordered_map<const Node*, Uses> uses_;
  std::unordered_map<const Node*, std::size_t> numbers_;
  std::size_t boxes_ = 0;
  bool any_freed_ = false;
  std::string text_;
};

}  // namespace

LeafNames::LeafNames(std::initializer_list<Leaf> leaves) : leaves_(leaves) {}

void LeafNames::add(const std::string& name, const Tensor& tensor) {
  leaves_.push_back({name, tensor});
}

Plot plot_graph(const Tensor& loss, const PlotGraphOptions& options, Where where) {
  check(loss, options, where);
  return Plot(GraphWriter(options).write(nodes_behind({&loss, 1})));
}

}  // namespace tenon
