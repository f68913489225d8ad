#include <atomic>

#include "tenon/autograd/graph_census_internal.h"
#include "tenon/autograd/node_internal.h"
#include "tenon/core/order_internal.h"

namespace tenon {
namespace {

std::atomic<std::uint64_t> g_next_id{1};
constexpr std::uint64_t kIdRange = 256;
constinit thread_local std::uint64_t t_next_id = 0, t_end_id = 0;

thread_local Node* t_running = nullptr;

// Nodes of this thread whose last handle went while another is being deleted: a list through
// Node::next_dead. Trivial types, so that they can still be used while the thread's other variables
// are destroyed.
thread_local Node* t_dead = nullptr;
thread_local bool t_deleting = false;

}  // namespace

void NodeIds::renew() noexcept {
  t_next_id = g_next_id.fetch_add(kIdRange, std::memory_order_relaxed);
  t_end_id = t_next_id + kIdRange;
}

std::uint64_t NodeIds::next(std::uint64_t newest_input) noexcept {
  if (t_next_id == t_end_id || t_next_id <= newest_input) renew();
  return t_next_id++;
}

Node::Node(std::uint64_t id_in, const char* name_in, const Location& location_in,
           std::size_t input_count, std::size_t output_count, Rule&& rule_in)
    : NodeBase(false),
      id(id_in),
      name(name_in),
      location(location_in),
      inputs(input_count),
      outputs(output_count),
      rule(std::move(rule_in)) {
  count_graph_nodes(1);
  census = g_graph_census.load(std::memory_order_relaxed);
  if (census != 0) add_to_census(*this);
}

Node::Node(const Tensor& leaf, const Location& location_in)
    : NodeBase(true),
      id(NodeIds::next(0)),
      name("leaf"),
      location(location_in),
      outputs(1),
      leaf_strides(output_order(leaf.shape(), {&leaf})) {
  outputs[0] = {leaf.shape(), leaf.dtype()};
  count_graph_nodes(1);
}

Node::~Node() {
  count_graph_nodes(-1);
  if (census != 0 && census == g_graph_census.load(std::memory_order_relaxed))
    remove_from_census(*this);
}

void Node::dispose() noexcept {
  next_dead = std::exchange(t_dead, this);
  if (t_deleting) return;
  t_deleting = true;
  while (t_dead) {
    const Node* node = t_dead;
    t_dead = node->next_dead;
    delete node;  // its edges and saved tensors may add further nodes to the list
  }
  t_deleting = false;
}

RunningRule::RunningRule(Node& node) : previous_(std::exchange(t_running, &node)) {}
RunningRule::~RunningRule() { t_running = previous_; }
Node* RunningRule::current() noexcept { return t_running; }

}  // namespace tenon
