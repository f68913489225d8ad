#include "tenon/kernels/index.h"

#include <algorithm>
#include <type_traits>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/loop_internal.h"

namespace tenon::kernels {
namespace {

/// Integers wrap around, as everywhere.
template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  } else {
    return a + b;
  }
}

}  // namespace

Tensor take(const Tensor& x, const Shape& shape, const Strides& strides,
            const AxisIndices& indices) {
  const KernelScope scope("take", "reference");
  Tensor y = make_tensor(shape, strides, x.dtype());
  Strides others = x.strides();
  const std::int64_t step = others[indices.axis];
  others[indices.axis] = 0;
  const Loop loop = make_loop(shape, {&strides, &others, &indices.strides});
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = elements<T>(x);
    T* to = fresh_elements<T>(y);
    for_each_run(loop, grain_for(1), [&](const Run& run) {
      const std::int64_t* index = indices.values + run.offset[2];
      if (run.stride[2] == 0) {
        map_run(run, to, from + *index * step, [](T value) { return value; });
      } else {
        for (std::int64_t i = 0; i < run.count; ++i)
          to[run.offset[0] + i * run.stride[0]] =
              from[run.offset[1] + i * run.stride[1] + index[i * run.stride[2]] * step];
      }
    });
  });
  return y;
}

void add_at(Tensor& y, const AxisIndices& indices, const Tensor& source) {
  const KernelScope scope("add_at", "reference");
  // Elements that meet in y differ along the axis alone: the loop goes over the others, in
  // parallel, and each of its runs along the axis in order.
  Shape others = source.shape();
  const std::int64_t length = others[indices.axis];
  if (length == 0) return;
  others[indices.axis] = 1;
  const std::int64_t y_step = y.strides()[indices.axis],
                     source_step = source.strides()[indices.axis];
  const std::int64_t index_step = indices.strides[indices.axis];
  const Loop loop = make_loop(others, {&y.strides(), &source.strides(), &indices.strides});
  visit_dtype(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = elements<T>(source);
    T* to = fresh_elements<T>(y);
    for_each_run(loop, grain_for(static_cast<double>(length)), [&](const Run& run) {
      for (std::int64_t k = 0; k < length; ++k) {
        const std::int64_t* index = indices.values + run.offset[2] + k * index_step;
        const T* part = from + run.offset[1] + k * source_step;
        T* sum = to + run.offset[0];
        for (std::int64_t i = 0; i < run.count; ++i) {
          T& element = sum[index[i * run.stride[2]] * y_step + i * run.stride[0]];
          element = sum_of(element, part[i * run.stride[1]]);
        }
      }
    });
  });
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value, const Shape& shape) {
  const KernelScope scope("masked_fill", "reference");
  Tensor y = make_tensor(shape, output_order(shape, {&x}), x.dtype());
  const Loop loop = make_loop(y, {&x, &mask});
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T filling = static_cast<T>(value);
    T* to = fresh_elements<T>(y);
    for_each_run(loop, grain_for(0.5), [&](const Run& run) {
      map_run(run, to, elements<T>(x), elements<bool>(mask),
              [filling](T element, bool masked) { return masked ? filling : element; });
    });
  });
  return y;
}

Tensor one_hot(const std::int64_t* values, const Shape& shape) {
  const KernelScope scope("one_hot", "reference");
  Tensor y = make_tensor(shape, Dtype::i64);
  const std::int64_t classes = shape[shape.rank() - 1], count = shape.numel() / classes;
  auto* out = fresh_elements<std::int64_t>(y);
  std::fill_n(out, shape.numel(), 0);
  for (std::int64_t i = 0; i < count; ++i) out[i * classes + values[i]] = 1;
  return y;
}

}  // namespace tenon::kernels
