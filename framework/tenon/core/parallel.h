#pragma once

#include <cstdint>

#include "tenon/core/function.h"
#include "tenon/core/where.h"

namespace tenon {

/// The number of threads that computations use; at first the machine's. Throws ShapeError below 1.
void set_num_threads(int threads, Where where = Where::current());
int num_threads();

/// Runs body(begin, end) over [0, count) in blocks of `grain` (the last may be smaller), in
/// parallel. The blocks depend on count and grain alone, never on the number of threads. One block
/// runs on the caller's thread. The first exception of a body is rethrown here. The body must not
/// record on the graph.
void parallel_for(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t begin, std::int64_t end)> body);

}  // namespace tenon
