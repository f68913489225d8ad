#include <algorithm>
#include <unordered_set>

#include "tenon/autograd/graph_walk_internal.h"

namespace tenon {

std::vector<const Node*> nodes_behind(std::span<const Tensor> tensors, std::uint64_t first_id) {
  std::vector<const Node*> nodes;
  std::unordered_set<const Node*> seen;
  const auto add = [&](const Node* node) {
    if (node && node->id >= first_id && seen.insert(node).second) nodes.push_back(node);
  };
  for (const Tensor& tensor : tensors) add(node_of(tensor));
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const Edge& edge : nodes[i]->inputs) add(edge.node.get());
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->id < b->id; });
  return nodes;
}

}  // namespace tenon
