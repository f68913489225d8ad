#pragma once

#include <mutex>

#include "tenon/core/parallel.h"

namespace tenon {

/// Whether this thread is inside a body of parallel_for or run_shards: everything nested stays on
/// it.
bool in_parallel_body() noexcept;

/// Runs a body that forks by itself (a oneDNN primitive) in the arena of num_threads() slots;
/// inside a parallel body serially. In the tsan preset always in a one-slot arena.
void run_in_arena(FunctionRef<void()> body);

/// Runs such a body on this thread alone.
void run_serially(FunctionRef<void()> body);

/// Held while an arena is made or freed, and while oneDNN makes a primitive. Both libraries lock
/// for themselves, but invisibly to ThreadSanitizer; these are rare enough to order them where it
/// can see it.
std::recursive_mutex& making_mutex();

/// Runs body(i) for each i in [0, count), one task each over the threads, nothing nested in
/// parallel. The exception of the lowest i is rethrown when all have ended.
void run_shards(std::int64_t count, FunctionRef<void(std::int64_t)> body);

}  // namespace tenon
