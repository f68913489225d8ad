#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "tenon/core/function.h"
#include "tenon/core/shape.h"
#include "tenon/core/tensor.h"

namespace tenon::kernels {

inline constexpr std::size_t kMaxOperands = 4;

/// The nested loops of an element-by-element kernel over up to 4 operands of any strides, 0
/// included. Operand 0 is the output. Axes of size 1 are gone, the others are ordered by the
/// output's strides, largest first (ties: the first input's), and neighbours that all operands walk
/// as one are merged. All offsets and strides are in elements.
///
///   const Loop loop = make_loop(y, {&a, &b});   // a and b broadcast to y
///   for_each_run(loop, grain_for(0.5), [&](const Run& run) {
///     map_run(run, y_elements, a_elements, b_elements, [](float a, float b) { return a + b; });
///   });
struct Loop {
  std::size_t operands = 0;
  std::size_t rank = 1;    ///< at least 1; the innermost axis is rank - 1
  std::int64_t numel = 0;  ///< 0: there are no runs
  std::int64_t sizes[kMaxRank] = {};
  std::int64_t strides[kMaxOperands][kMaxRank] = {};
};

/// A stretch of the innermost axis: element i of operand k lies at offset[k] + i * stride[k].
struct Run {
  std::int64_t count;
  std::int64_t offset[kMaxOperands];
  std::int64_t stride[kMaxOperands];
};

/// Loops over `shape` with these strides, one an operand, each of the shape's rank.
Loop make_loop(const Shape& shape, std::initializer_list<const Strides*> strides);
/// Loops over y's shape; the inputs must broadcast to it. A null input is a single number, read
/// with stride 0.
Loop make_loop(const Tensor& y, std::initializer_list<const Tensor*> inputs);

/// The shape of two tensors broadcast together (NumPy's rule). They must broadcast.
Shape broadcast_shape(const Shape& a, const Shape& b);
/// The strides with which x is read as `shape`: 0 for the axes along which it is repeated. x must
/// broadcast to it.
Strides broadcast_strides(const Shape& x_shape, const Strides& x_strides, const Shape& shape);

/// The number of elements whose work takes about 20 us at this cost: what one block of a parallel
/// loop should have.
constexpr std::int64_t grain_for(double nanoseconds_per_element) {
  const auto elements = static_cast<std::int64_t>(20000.0 / nanoseconds_per_element);
  return elements < 64 ? 64 : elements / 64 * 64;
}

/// Calls `body` for runs that together visit every element once: in blocks of `grain` elements, in
/// parallel, each block in order. The cuts depend on the loop and the grain alone. Two blocks must
/// not write one element: give numel (or INT64_MAX) as the grain where the output repeats itself.
void for_each_run(const Loop& loop, std::int64_t grain, FunctionRef<void(const Run&)> body);

/// y[i] = f(a[i]) along one run; `y` and `a` are the operands' first elements (offset 0).
template <class Y, class A, class F>
void map_run(const Run& run, Y* y, const A* a, F f) {
  y += run.offset[0];
  a += run.offset[1];
  const std::int64_t count = run.count, sy = run.stride[0], sa = run.stride[1];
  if (sy == 1 && sa == 1) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(a[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i * sy] = f(a[i * sa]);
  }
}

/// y[i] = f(a[i], b[i]).
template <class Y, class A, class B, class F>
void map_run(const Run& run, Y* y, const A* a, const B* b, F f) {
  y += run.offset[0];
  a += run.offset[1];
  b += run.offset[2];
  const std::int64_t count = run.count, sy = run.stride[0], sa = run.stride[1], sb = run.stride[2];
  if (sy == 1 && sa == 1 && sb == 1) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(a[i], b[i]);
  } else if (sy == 1 && sa == 1 && sb == 0) {
    const B repeated = *b;
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(a[i], repeated);
  } else if (sy == 1 && sa == 0 && sb == 1) {
    const A repeated = *a;
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(repeated, b[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i * sy] = f(a[i * sa], b[i * sb]);
  }
}

/// y[i] = f(a[i], b[i], c[i]).
template <class Y, class A, class B, class C, class F>
void map_run(const Run& run, Y* y, const A* a, const B* b, const C* c, F f) {
  y += run.offset[0];
  a += run.offset[1];
  b += run.offset[2];
  c += run.offset[3];
  const std::int64_t count = run.count;
  const std::int64_t sy = run.stride[0], sa = run.stride[1], sb = run.stride[2], sc = run.stride[3];
  if (sy == 1 && sa == 1 && sb == 1 && sc == 1) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(a[i], b[i], c[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i * sy] = f(a[i * sa], b[i * sb], c[i * sc]);
  }
}

}  // namespace tenon::kernels
