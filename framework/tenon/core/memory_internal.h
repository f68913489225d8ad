#pragma once

#include <cstdint>

namespace tenon {

// What memory_stats() adds up. Each thread counts for itself.
void count_bytes(std::int64_t change) noexcept;
void count_tensors(std::int64_t change) noexcept;
void count_graph_nodes(std::int64_t change) noexcept;

/// Bytes of tensors that this thread took less those that it gave back: what others do meanwhile
/// does not show.
std::int64_t thread_bytes() noexcept;

/// Adds the thread's bytes to those that the peak is taken of, at the end of some work, so that a
/// thread that does nothing has none left to add.
void share_byte_count() noexcept;

}  // namespace tenon
