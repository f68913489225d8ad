#include "tenon/core/memory.h"

#include <algorithm>
#include <atomic>

#include "tenon/core/block_internal.h"
#include "tenon/core/memory_internal.h"
#include "tenon/core/per_thread_internal.h"

namespace tenon {
namespace {

using Counter = std::atomic<std::int64_t>;

Counter g_bytes{0};
Counter g_peak{0};

void raise_peak(std::int64_t bytes) {
  std::int64_t peak = g_peak.load(std::memory_order_relaxed);
  while (bytes > peak && !g_peak.compare_exchange_weak(peak, bytes, std::memory_order_relaxed)) {
  }
}

/// What a thread counted. It alone writes; anybody may read.
struct Counts {
  Counter bytes{0};  ///< since they were last added to g_bytes
  Counter tensors{0};
  Counter graph_nodes{0};
  Counter graph_nodes_made{0};
  std::int64_t most_bytes = 0;  ///< the most that `bytes` was
  std::int64_t own_bytes = 0;   ///< all that this thread took less what it gave back

  void share_bytes() {
    const std::int64_t change = bytes.load(std::memory_order_relaxed);
    const std::int64_t before = g_bytes.fetch_add(change, std::memory_order_relaxed);
    bytes.store(0, std::memory_order_relaxed);
    raise_peak(before + most_bytes);
    most_bytes = 0;
  }
  void retire() { share_bytes(); }
};

Counts g_rest;  ///< of threads that are ending

// Adding to a number that all threads share costs more than a small tensor.
constexpr std::int64_t kUnsharedBytes = 64 << 10;

void add(Counter& counter, std::int64_t change, bool is_shared) {
  if (is_shared)
    counter.fetch_add(change, std::memory_order_relaxed);
  else
    counter.store(counter.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
}

struct Sums {
  std::int64_t bytes = g_bytes + g_rest.bytes;
  std::int64_t tensors = g_rest.tensors;
  std::int64_t graph_nodes = g_rest.graph_nodes;
  std::int64_t graph_nodes_made = g_rest.graph_nodes_made;

  Sums() {
    PerThread<Counts>::for_each([&](const Counts& counts) {
      bytes += counts.bytes;
      tensors += counts.tensors;
      graph_nodes += counts.graph_nodes;
      graph_nodes_made += counts.graph_nodes_made;
    });
  }
};

}  // namespace

void count_bytes(std::int64_t change) noexcept {
  Counts* mine = PerThread<Counts>::get();
  if (!mine) return add(g_rest.bytes, change, true);
  const std::int64_t bytes = mine->bytes.load(std::memory_order_relaxed) + change;
  mine->bytes.store(bytes, std::memory_order_relaxed);
  mine->own_bytes += change;
  mine->most_bytes = std::max(mine->most_bytes, bytes);
  if (bytes > kUnsharedBytes || bytes < -kUnsharedBytes) mine->share_bytes();
}

void count_tensors(std::int64_t change) noexcept {
  Counts* mine = PerThread<Counts>::get();
  add(mine ? mine->tensors : g_rest.tensors, change, !mine);
}

void count_graph_nodes(std::int64_t change) noexcept {
  Counts* mine = PerThread<Counts>::get();
  Counts& counts = mine ? *mine : g_rest;
  add(counts.graph_nodes, change, !mine);
  if (change > 0) add(counts.graph_nodes_made, change, !mine);
}

std::int64_t thread_bytes() noexcept {
  const Counts* mine = PerThread<Counts>::get();
  return mine ? mine->own_bytes : 0;
}

void share_byte_count() noexcept {
  if (Counts* mine = PerThread<Counts>::get()) mine->share_bytes();
}

MemoryStats memory_stats() {
  share_byte_count();
  const Sums sums;
  raise_peak(sums.bytes);
  return {.live_bytes = sums.bytes,
          .peak_bytes = g_peak.load(std::memory_order_relaxed),
          .live_tensors = sums.tensors,
          .live_graph_nodes = sums.graph_nodes,
          .graph_nodes_made = sums.graph_nodes_made,
          .system_allocations = system_allocations()};
}

void reset_peak() {
  share_byte_count();
  g_peak = Sums().bytes;
}

}  // namespace tenon
