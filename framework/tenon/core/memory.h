#pragma once

#include <cstdint>

namespace tenon {

/// What lives now, over all threads.
struct MemoryStats {
  std::int64_t live_bytes = 0;        ///< bytes of tensor storage in use
  std::int64_t peak_bytes = 0;        ///< the most that live_bytes was since start or reset_peak()
  std::int64_t live_tensors = 0;      ///< tensors (views count one each)
  std::int64_t live_graph_nodes = 0;  ///< recorded operations and leaves that require grad
};
MemoryStats memory_stats();

/// Starts the peak anew at the bytes in use.
void reset_peak();

}  // namespace tenon
