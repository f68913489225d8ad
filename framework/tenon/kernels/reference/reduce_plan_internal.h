#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels::reference {

/// One loop of a traversal: its length and what a step adds to the offset in x, in elements.
struct Loop {
  std::int64_t size;
  std::int64_t stride;
};

/// Nested loops, outermost first. Axes of size 1 are left out and neighbours that form one run are
/// joined; there is always at least one loop.
class Nest {
 public:
  void push(std::int64_t size, std::int64_t stride);
  /// Adds the loop of size 1 that an empty nest lacks.
  void close();

  std::int64_t numel() const { return numel_; }
  const Loop& inner() const { return loops_[count_ - 1]; }
  /// The offset of the element with this index in the order of the loops.
  std::int64_t offset(std::int64_t index) const;
  std::size_t depth() const { return count_; }
  const Loop& operator[](std::size_t i) const { return loops_[i]; }

 private:
  Loop loops_[kMaxRank];
  std::size_t count_ = 0;
  std::int64_t numel_ = 1;
};

/// Walks a nest from an index on.
class Walk {
 public:
  Walk(const Nest& nest, std::int64_t index);
  std::int64_t offset() const { return offset_; }
  /// Steps left in the innermost loop, this one included.
  std::int64_t run() const { return nest_.inner().size - at_[nest_.depth() - 1]; }
  /// Goes on by `steps` <= run().
  void advance(std::int64_t steps);

 private:
  const Nest& nest_;
  std::int64_t at_[kMaxRank];
  std::int64_t offset_;
};

/// How x is cut into elements of the output (kept axes) and what each of them is made of (reduced
/// axes). Element i of the output, in the order of memory, is element i of the kept nest.
struct ReducePlan {
  Shape shape;      ///< of the output
  Strides strides;  ///< of the output: dense, its axes in the order of x's strides
  Nest kept;
  Nest reduced;
};
ReducePlan reduce_plan(const Tensor& x, const Axes& axes, bool keepdim);

}  // namespace tenon::kernels::reference
