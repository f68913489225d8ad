#include <map>
#include <set>
#include <unordered_map>

#include "tenon/autograd/graph_walk_internal.h"
#include "tenon/autograd/thread_state_internal.h"
#include "tenon/nn/dry_run_internal.h"
#include "tenon/nn/model_trace_internal.h"

namespace tenon::nn {
namespace {

/// While it lives, this thread records, whatever guards there are, and every parameter of the model
/// takes part.
class RecordingScope {
 public:
  explicit RecordingScope(Module& model) : previous_(ThreadState::current()) {
    ThreadState state = previous_;
    state.recording = true;
    state.install();
    for (const auto& [name, tensor] : model.parameters())
      if (!tensor.requires_grad()) frozen_.push_back(tensor);
    for (Tensor& tensor : frozen_) tensor.set_requires_grad();
  }
  ~RecordingScope() {
    for (Tensor& tensor : frozen_) tensor.set_requires_grad(false);
    previous_.install();
  }
  RecordingScope(const RecordingScope&) = delete;
  RecordingScope& operator=(const RecordingScope&) = delete;

 private:
  const ThreadState previous_;
  std::vector<Tensor> frozen_;
};

/// When a box came to be, in ids of nodes: that of an operation's node, or one that was drawn at
/// the end of a layer's call.
using Time = std::uint64_t;
constexpr Time kInput = 0, kOutput = UINT64_MAX;

class Tracer {
 public:
  explicit Tracer(Module& model) : model_(model), recording_(model) {}

  ModelTrace trace(const Tensor& x, Where where) {
    const Tensor input = x.detach();
    if (is_floating(x.dtype())) Tensor(input).set_requires_grad();
    add_value(input, kInput, {.kind = ModelBox::Kind::input});
    const auto observe = [this](Module& module, const Tensor& from, const Tensor& y) {
      return end_call(module, from, y);
    };
    const CallObserver observer(observe);
    const Tensor y = dry_run(model_, input, observer, where);
    add_use(y, kOutput);
    add_value(y.detach(), kOutput, {.kind = ModelBox::Kind::output});
    assign_nodes();
    return numbered();
  }

 private:
  /// A tensor that comes out of a box.
  void add_value(const Tensor& value, Time time, ModelBox box) {
    box.shape = value.shape();
    boxes_.emplace(time, std::move(box));
    if (value.requires_grad()) box_of_node_[node_of(value)] = time;
    box_of_memory_[value.impl()->storage.get()] = time;
    tensors_.push_back(value);
  }

  /// A tensor that goes into a box. Where it comes from is known at the end; without history its
  /// memory tells, now.
  void add_use(const Tensor& x, Time time) {
    if (x.requires_grad()) {
      uses_.emplace_back(node_of(x), time);
      tensors_.push_back(x);
    } else if (const auto from = box_of_memory_.find(x.impl()->storage.get());
               from != box_of_memory_.end()) {
      arrows_.emplace(from->second, time);
    }
  }

  /// Returns y as a value of the layer's own, so that one that returned what it got shows, too.
  Tensor end_call(Module& module, const Tensor& x, const Tensor& y) {
    const CallPath* const path = locate(Where::current()).path;
    modules_[path] = &module;
    if (!module.children().empty()) return {};
    Tensor own = record("returned", {y}, y.detach(),
                        [](const Tensor& dy, const Needs&) -> Gradients { return {dy}; });
    const Time now = NodeIds::next(0);
    add_use(x, now);
    add_value(own, now, layer_box(module));
    calls_[path].insert(now);
    return own;
  }

  ModelBox layer_box(const Module& module) {
    return {.kind = ModelBox::Kind::layer, .module = &module, .call = ++call_counts_[&module]};
  }

  /// The module of a place in the tree of calls, by name for one with an operator() of its own.
  const Module& module_of(const CallPath* path) {
    if (const auto seen = modules_.find(path); seen != modules_.end()) return *seen->second;
    std::string root;
    for (const auto& [called, module] : modules_)
      if (module == &model_) root = to_string(called) + ".";
    const std::string text = to_string(path);
    for (const auto& [name, module] : model_.modules())
      if (text == root + name) return *(modules_[path] = &module);
    return *(modules_[path] = &model_);
  }

  Time box_of(const Node& node) {
    const Module& module = module_of(node.location.path);
    const Shape& shape = node.outputs[0].shape;
    if (!module.children().empty()) {
      boxes_.emplace(node.id, ModelBox{.kind = ModelBox::Kind::operation,
                                       .module = &module,
                                       .operation = node.name,
                                       .shape = shape});
      return node.id;
    }
    if (const auto seen = calls_.find(node.location.path); seen != calls_.end()) {
      const auto call = seen->second.lower_bound(node.id);
      return call == seen->second.end() ? *seen->second.rbegin() : *call;
    }
    // A layer with an operator() of its own, whose calls nobody saw end: all its nodes are one box.
    const auto [own, is_new] = boxes_of_unseen_.emplace(node.location.path, node.id);
    if (is_new) boxes_.emplace(node.id, layer_box(module));
    boxes_.at(own->second).shape = shape;
    return own->second;
  }

  void add_arrow(const Node* from, Time to) {
    const auto box = box_of_node_.find(from);
    if (box != box_of_node_.end() && box->second != to) arrows_.emplace(box->second, to);
  }

  void assign_nodes() {
    for (const Node* node : nodes_behind(tensors_, first_id_)) {
      if (node->is_leaf) continue;
      if (!box_of_node_.contains(node)) box_of_node_.emplace(node, box_of(*node));
      for (const Edge& edge : node->inputs) add_arrow(edge.node.get(), box_of_node_.at(node));
    }
    for (const auto& [node, to] : uses_) add_arrow(node, to);
  }

  ModelTrace numbered() const {
    ModelTrace trace;
    std::map<Time, std::size_t> numbers;
    for (const auto& [time, box] : boxes_) {
      numbers.emplace(time, trace.boxes.size());
      trace.boxes.push_back(box);
    }
    for (const auto& [from, to] : arrows_)
      trace.arrows.emplace_back(numbers.at(from), numbers.at(to));
    return trace;
  }

  Module& model_;
  const RecordingScope recording_;
  const std::uint64_t first_id_ = NodeIds::next(0);
  std::map<Time, ModelBox> boxes_;
  std::set<std::pair<Time, Time>> arrows_;
  std::vector<Tensor> tensors_;  // keeps the graph, and every address below
  std::unordered_map<const Node*, Time> box_of_node_;
  std::unordered_map<const Storage*, Time> box_of_memory_;
  std::vector<std::pair<const Node*, Time>> uses_;
  std::unordered_map<const CallPath*, const Module*> modules_;
  std::unordered_map<const CallPath*, std::set<Time>> calls_;  // when they ended
  std::unordered_map<const CallPath*, Time> boxes_of_unseen_;
  std::unordered_map<const Module*, int> call_counts_;
};

}  // namespace

ModelTrace trace_model(Module& model, const Tensor& x, Where where) {
  return Tracer(model).trace(x, where);
}

}  // namespace tenon::nn
