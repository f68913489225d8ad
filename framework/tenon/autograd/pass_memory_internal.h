#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tenon/autograd/node_internal.h"

namespace tenon {

/// The lists of one backward pass. A thread keeps them for its next pass.
struct PassMemory {
  std::vector<Node*> queue;
  std::vector<Node*> nodes;                 ///< ids descend; kept alive by the outputs
  std::vector<std::uint32_t> first_buffer;  ///< of each node, in `buffers`
  std::vector<std::uint32_t> first_edge;    ///< of each node, in `targets`
  std::vector<std::uint32_t> targets;       ///< the place in `nodes` that each edge leads to
  std::vector<Tensor> buffers;              ///< what has arrived at each output of each node
  std::vector<char> needed;                 ///< whether a node's gradient is wanted
  std::vector<std::uint32_t> first_wanted;  ///< of each node: the first input that wants it
  std::vector<std::uint32_t> next_wanted;   ///< of each input: the next one at the same node
  std::vector<std::pair<Node*, Tensor>> leaves;

  void clear();
};

/// The thread's lists, or new ones inside of another pass.
class BorrowedPassMemory {
 public:
  BorrowedPassMemory();
  ~BorrowedPassMemory();
  BorrowedPassMemory(const BorrowedPassMemory&) = delete;
  BorrowedPassMemory& operator=(const BorrowedPassMemory&) = delete;
  PassMemory& operator*() const { return *memory_; }

 private:
  std::unique_ptr<PassMemory> memory_;
};

}  // namespace tenon
