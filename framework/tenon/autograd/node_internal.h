#pragma once

#include <cstdint>
#include <vector>

#include "tenon/autograd/record.h"
#include "tenon/core/call_path_internal.h"
#include "tenon/core/inline_vector_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {

struct Node;

/// Where the gradient of an input goes: an output of the node that made it. Null: it wants none.
struct Edge {
  Handle<Node> node;
  std::uint16_t output = 0;
};

struct Output {
  Shape shape;
  Dtype dtype = Dtype::f32;
};

struct TensorHook {
  std::uint16_t output;
  Function<Tensor(const Tensor&)> function;
};

/// Ids of nodes: unique, above that of every input, so that descending ids are a topological order.
/// A thread takes them from a range of its own.
class NodeIds {
 public:
  /// An id above `newest_input`.
  static std::uint64_t next(std::uint64_t newest_input) noexcept;
  /// From now on, this thread's ids are above all that any thread was given before.
  static void renew() noexcept;
};

/// A recorded operation, or a leaf that requires grad.
struct Node final : NodeBase, InBlock {
  /// An operation.
  Node(std::uint64_t id_in, const char* name_in, const Location& location_in, std::size_t inputs,
       std::size_t outputs_in, Rule&& rule_in);
  /// A leaf.
  Node(const Tensor& leaf, const Location& location_in);
  ~Node() override;

  const std::uint64_t id;
  const char* const name;
  const Location location;
  InlineVector<Edge, 3> inputs;
  InlineVector<Output, 1> outputs;
  Rule rule;
  std::uint32_t census = 0;  ///< the number of the GraphCensus that counts it
  bool freed = false;        ///< backward has passed and the graph was not retained
  std::vector<TensorHook> hooks;
  Strides leaf_strides;  ///< of a leaf without its gaps, which its gradient takes on
  Tensor gradient;       ///< of a leaf: grad()
  Node* next_dead = nullptr;

 protected:
  /// Nodes die from a list, not by recursion: a chain of a million operations must not overflow the
  /// stack.
  void dispose() noexcept override;
};

inline Node* node_of(const Tensor& x) { return static_cast<Node*>(x.impl()->node.get()); }

/// A rule that runs: get() of a saved output joins the tensor to `node`.
class RunningRule {
 public:
  explicit RunningRule(Node& node);
  ~RunningRule();
  RunningRule(const RunningRule&) = delete;
  RunningRule& operator=(const RunningRule&) = delete;
  static Node* current() noexcept;

 private:
  Node* previous_;
};

/// Adds to grad() of a leaf; the gradient is copied to the leaf's strides unless it is part of a
/// graph or has memory of its own already.
void add_to_leaf(Node& leaf, Tensor gradient, bool keep_graph);

/// Throws GradientError unless a gradient has the shape and dtype of what it belongs to.
void check_gradient(const Node& node, std::string_view what, const Tensor& gradient,
                    const Output& output);

/// Runs the tensor hooks of one output of a node; returns the gradient or what replaces it.
Tensor apply_hooks(Node& node, std::size_t output, Tensor gradient);

/// Adds two gradients: into `total` when nobody else can see its memory and nothing is recorded,
/// else into a new tensor. The first is moved in.
void accumulate(Tensor& total, Tensor gradient);

}  // namespace tenon
