#include <algorithm>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/loop_internal.h"

namespace tenon::kernels {
namespace {

/// Whether y has no gaps and no overlap, so that operands with its shape and strides can be walked
/// as one line.
bool is_one_line(const Shape& shape, const Strides& strides) {
  std::int64_t extent = 1;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    if (strides[axis] <= 0) return false;
    extent += (shape[axis] - 1) * strides[axis];
  }
  return extent == shape.numel();
}

Loop line(std::size_t operands, std::int64_t numel) {
  Loop loop;
  loop.operands = operands;
  loop.numel = numel;
  loop.sizes[0] = numel;
  for (std::size_t k = 0; k < operands; ++k) loop.strides[k][0] = 1;
  return loop;
}

/// Whether axis a belongs outside of axis b.
bool is_outer(const Loop& loop, std::size_t a, std::size_t b) {
  for (std::size_t k = 0; k < loop.operands; ++k)
    if (loop.strides[k][a] != loop.strides[k][b]) return loop.strides[k][a] > loop.strides[k][b];
  return false;
}

void swap_axes(Loop& loop, std::size_t a, std::size_t b) {
  std::swap(loop.sizes[a], loop.sizes[b]);
  for (std::size_t k = 0; k < loop.operands; ++k) std::swap(loop.strides[k][a], loop.strides[k][b]);
}

bool merge(const Loop& loop, std::size_t outer, std::size_t inner) {
  for (std::size_t k = 0; k < loop.operands; ++k)
    if (loop.strides[k][outer] != loop.strides[k][inner] * loop.sizes[inner]) return false;
  return true;
}

/// Orders and merges the axes of a loop that has none of size 1.
void simplify(Loop& loop) {
  for (std::size_t i = 1; i < loop.rank; ++i)
    for (std::size_t j = i; j > 0 && is_outer(loop, j, j - 1); --j) swap_axes(loop, j, j - 1);

  std::size_t last = 0;
  for (std::size_t axis = 1; axis < loop.rank; ++axis) {
    const bool merged = merge(loop, last, axis);
    if (!merged) ++last;
    loop.sizes[last] = merged ? loop.sizes[last] * loop.sizes[axis] : loop.sizes[axis];
    for (std::size_t k = 0; k < loop.operands; ++k) loop.strides[k][last] = loop.strides[k][axis];
  }
  loop.rank = last + 1;
}

void run_block(const Loop& loop, std::int64_t begin, std::int64_t end,
               FunctionRef<void(const Run&)> body) {
  const std::size_t inner = loop.rank - 1;
  std::int64_t index[kMaxRank];
  Run run;
  for (std::size_t k = 0; k < kMaxOperands; ++k) {
    run.offset[k] = 0;
    run.stride[k] = loop.strides[k][inner];
  }
  std::int64_t rest = begin;
  for (std::size_t axis = loop.rank; axis-- > 0;) {
    index[axis] = rest % loop.sizes[axis];
    rest /= loop.sizes[axis];
    for (std::size_t k = 0; k < loop.operands; ++k)
      run.offset[k] += index[axis] * loop.strides[k][axis];
  }

  for (std::int64_t position = begin;;) {
    run.count = std::min(loop.sizes[inner] - index[inner], end - position);
    body(run);
    position += run.count;
    if (position == end) return;
    for (std::size_t k = 0; k < loop.operands; ++k) run.offset[k] -= index[inner] * run.stride[k];
    index[inner] = 0;
    for (std::size_t axis = inner; axis-- > 0;) {
      ++index[axis];
      for (std::size_t k = 0; k < loop.operands; ++k) run.offset[k] += loop.strides[k][axis];
      if (index[axis] < loop.sizes[axis]) break;
      for (std::size_t k = 0; k < loop.operands; ++k)
        run.offset[k] -= loop.sizes[axis] * loop.strides[k][axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

Shape broadcast_shape(const Shape& a, const Shape& b) {
  if (a == b) return a;
  Shape shape = a.rank() < b.rank() ? b : a;
  const Shape& other = a.rank() < b.rank() ? a : b;
  const std::size_t missing = shape.rank() - other.rank();
  for (std::size_t axis = 0; axis < other.rank(); ++axis)
    if (other[axis] != 1) shape[missing + axis] = other[axis];
  return shape;
}

Strides broadcast_strides(const Shape& x_shape, const Strides& x_strides, const Shape& shape) {
  const std::size_t missing = shape.rank() - x_shape.rank();
  Strides strides = Strides::filled(shape.rank(), 0);
  for (std::size_t axis = 0; axis < x_shape.rank(); ++axis)
    if (x_shape[axis] != 1) strides[missing + axis] = x_strides[axis];
  return strides;
}

Loop make_loop(const Shape& shape, std::initializer_list<const Strides*> strides) {
  Loop loop;
  loop.operands = strides.size();
  loop.numel = shape.numel();
  loop.rank = 0;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    loop.sizes[loop.rank] = shape[axis];
    for (std::size_t k = 0; const Strides* of_operand : strides)
      loop.strides[k++][loop.rank] = (*of_operand)[axis];
    ++loop.rank;
  }
  if (loop.rank == 0 || loop.numel == 0) return line(strides.size(), loop.numel);
  simplify(loop);
  return loop;
}

Loop make_loop(const Tensor& y, std::initializer_list<const Tensor*> inputs) {
  const Shape& shape = y.shape();
  const auto is_number = [](const Tensor* x) { return x == nullptr || x->numel() == 1; };
  bool same = true;
  for (const Tensor* x : inputs)
    same = same && (is_number(x) || (x->strides() == y.strides() && x->shape() == shape));
  if (same && is_one_line(shape, y.strides())) {
    Loop loop = line(1 + inputs.size(), shape.numel());
    for (std::size_t k = 1; const Tensor* x : inputs) loop.strides[k++][0] = is_number(x) ? 0 : 1;
    return loop;
  }

  const Strides zeros = Strides::filled(shape.rank(), 0);
  Strides repeated[kMaxOperands];
  const Strides* all[kMaxOperands] = {&y.strides(), &zeros, &zeros, &zeros};
  for (std::size_t k = 1; const Tensor* x : inputs) {
    if (!is_number(x)) {
      repeated[k] = broadcast_strides(x->shape(), x->strides(), shape);
      all[k] = &repeated[k];
    }
    ++k;
  }
  switch (inputs.size()) {
    case 0: return make_loop(shape, {all[0]});
    case 1: return make_loop(shape, {all[0], all[1]});
    case 2: return make_loop(shape, {all[0], all[1], all[2]});
    default: return make_loop(shape, {all[0], all[1], all[2], all[3]});
  }
}

void for_each_run(const Loop& loop, std::int64_t grain, FunctionRef<void(const Run&)> body) {
  if (loop.numel == 0) return;
  if (loop.numel <= grain) return run_block(loop, 0, loop.numel, body);
  parallel_for(loop.numel, grain,
               [&](std::int64_t begin, std::int64_t end) { run_block(loop, begin, end, body); });
}

}  // namespace tenon::kernels
