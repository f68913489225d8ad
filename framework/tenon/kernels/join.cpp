#include "tenon/kernels/join.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/loop_internal.h"

namespace tenon::kernels {
namespace {

constexpr double kCopyNanoseconds = 0.5;  // an element: read, write

}  // namespace

Strides strides_like(const Shape& shape, const Tensor& x) {
  const Order order = x.shape().rank() == shape.rank() ? order_of(x) : Order::rows;
  return strides_in_order(shape, order == Order::other ? Order::rows : order);
}

Tensor concat(const std::vector<Tensor>& tensors, std::size_t axis, const Shape& shape,
              Dtype dtype) {
  const KernelScope scope("concat", "reference");
  Tensor y = make_tensor(shape, strides_like(shape, tensors[0]), dtype);
  std::int64_t offset = 0;
  for (const Tensor& x : tensors) {
    Tensor part = make_view(y, x.shape(), y.strides(), offset);
    copy(part, x);
    offset += x.shape()[axis] * y.strides()[axis];
  }
  return y;
}

Tensor stack(const std::vector<Tensor>& tensors, std::size_t axis, const Shape& shape,
             Dtype dtype) {
  const KernelScope scope("stack", "reference");
  Tensor y = make_tensor(shape, dtype);
  Strides strides = y.strides();
  strides.erase(axis);
  std::int64_t offset = 0;
  for (const Tensor& x : tensors) {
    Tensor part = make_view(y, x.shape(), strides, offset);
    copy(part, x);
    offset += y.strides()[axis];
  }
  return y;
}

Tensor place(const Tensor& x, const Shape& shape, const Shape& start, const Shape& steps,
             double value) {
  const KernelScope scope("place", "reference");
  Tensor y = make_tensor(shape, strides_like(shape, x), x.dtype());
  fill(y, value);
  if (x.numel() == 0) return y;
  Strides strides = y.strides();
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    offset += start[axis] * strides[axis];
    strides[axis] *= steps[axis];
  }
  Tensor part = make_view(y, x.shape(), strides, offset);
  copy(part, x);
  return y;
}

Tensor flip(const Tensor& x, const bool* reversed) {
  const KernelScope scope("flip", "reference");
  Tensor y = make_tensor(x.shape(), strides_like(x.shape(), x), x.dtype());
  Strides strides = x.strides();
  std::int64_t last = 0;  // where x's element for y's first one lies
  for (std::size_t axis = 0; axis < strides.rank(); ++axis) {
    if (!reversed[axis]) continue;
    last += (x.shape()[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  const Loop loop = make_loop(x.shape(), {&y.strides(), &strides});
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* to = fresh_elements<T>(y);
    const T* from = elements<T>(x) + last;
    for_each_run(loop, grain_for(kCopyNanoseconds),
                 [&](const Run& run) { map_run(run, to, from, [](T value) { return value; }); });
  });
  return y;
}

Tensor triangle(const Tensor& x, bool lower, std::int64_t diagonal) {
  const KernelScope scope(lower ? "tril" : "triu", "reference");
  const Shape& shape = x.shape();
  Tensor y = make_tensor(shape, strides_like(shape, x), x.dtype());
  // Two more operands, whose offsets are the row and the column of an element.
  Strides rows = Strides::filled(shape.rank(), 0), columns = rows;
  rows[shape.rank() - 2] = 1;
  columns[shape.rank() - 1] = 1;
  const Loop loop = make_loop(shape, {&y.strides(), &x.strides(), &rows, &columns});
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* to = fresh_elements<T>(y);
    const T* from = elements<T>(x);
    for_each_run(loop, grain_for(kCopyNanoseconds), [&](const Run& run) {
      for (std::int64_t i = 0; i < run.count; ++i) {
        const std::int64_t above =
            run.offset[3] + i * run.stride[3] - run.offset[2] - i * run.stride[2];
        const bool kept = lower ? above <= diagonal : above >= diagonal;
        to[run.offset[0] + i * run.stride[0]] =
            kept ? from[run.offset[1] + i * run.stride[1]] : T(0);
      }
    });
  });
  return y;
}

}  // namespace tenon::kernels
