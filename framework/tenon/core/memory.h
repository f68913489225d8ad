#pragma once

#include <cstdint>

namespace tenon {

/// What lives now, and what was done since start, over all threads.
struct MemoryStats {
  std::int64_t live_bytes = 0;  ///< bytes of tensor storage in use
  /// The most that live_bytes was since start or reset_peak(); to 64 KiB a thread where several
  /// threads allocate.
  std::int64_t peak_bytes = 0;
  std::int64_t live_tensors = 0;      ///< tensors (views count one each)
  std::int64_t live_graph_nodes = 0;  ///< recorded operations and leaves that require grad
  std::int64_t graph_nodes_made = 0;  ///< the same, counted since start
  /// How often memory for tensors and the graph came from the system, since start. Freed memory is
  /// kept for later tensors of about that size, so a training loop whose steps are alike adds
  /// nothing after its second step.
  std::int64_t system_allocations = 0;
};
MemoryStats memory_stats();

/// Starts the peak anew at the bytes in use.
void reset_peak();

}  // namespace tenon
