#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

constexpr std::int64_t kFillGrain = 1 << 18;  // elements; some 20 us of writing

/// A fresh tensor whose memory holds `value` everywhere.
Tensor filled(const Shape& shape, const Strides& strides, Dtype dtype, double value) {
  Tensor x = make_tensor(shape, strides, dtype);
  const std::int64_t count = x.numel();
  visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* out = fresh_elements<T>(x);
    const T number = static_cast<T>(value);
    parallel_for(count, kFillGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = number;
    });
  });
  return x;
}

Tensor filled_like(const char* operation, const Tensor& x, double value, Where where) {
  check_defined(operation, "x", x, where);
  return filled(x.shape(), output_order(x.shape(), {&x}), x.dtype(), value);
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, TensorOptions options, Where where) {
  check_sizes("empty", shape, options.dtype, where);
  return make_tensor(shape, options.dtype);
}
Tensor Tensor::zeros(const Shape& shape, TensorOptions options, Where where) {
  check_sizes("zeros", shape, options.dtype, where);
  return filled(shape, contiguous_strides(shape), options.dtype, 0);
}
Tensor Tensor::ones(const Shape& shape, TensorOptions options, Where where) {
  check_sizes("ones", shape, options.dtype, where);
  return filled(shape, contiguous_strides(shape), options.dtype, 1);
}
Tensor Tensor::full(const Shape& shape, double value, TensorOptions options, Where where) {
  check_sizes("full", shape, options.dtype, where);
  return filled(shape, contiguous_strides(shape), options.dtype, value);
}

Tensor Tensor::eye(std::int64_t n, TensorOptions options, Where where) {
  check_sizes("eye", {n, n}, options.dtype, where);
  Tensor x = filled({n, n}, {n, 1}, options.dtype, 0);
  visit_dtype(options.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < n; ++i) fresh_elements<T>(x)[i * (n + 1)] = T(1);
  });
  return x;
}

Tensor Tensor::arange_integer(std::int64_t start, std::int64_t stop, std::int64_t step,
                              Where where) {
  if (step == 0) Fault("arange", where).raise<ShapeError>("the step is 0");
  const bool any = step > 0 ? start < stop : start > stop;
  // In unsigned arithmetic the distance of any two i64 is exact.
  const auto distance =
      any ? (step > 0 ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                      : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop))
          : 0;
  const auto stride =
      step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t count = distance / stride + (distance % stride != 0);
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  const Shape shape{static_cast<std::int64_t>(count < kMost ? count : kMost)};
  check_sizes("arange", shape, Dtype::i64, where);
  Tensor x = make_tensor(shape, Dtype::i64);
  for (std::int64_t i = 0; i < shape[0]; ++i) fresh_elements<std::int64_t>(x)[i] = start + i * step;
  return x;
}

Tensor Tensor::arange_floating(double start, double stop, double step, Where where) {
  if (step == 0 || !std::isfinite(step) || !std::isfinite(start) || !std::isfinite(stop))
    Fault("arange", where)
        .raise<ShapeError>(
            fmt::format("cannot count from {} to {} in steps of {}", start, stop, step));
  const double count = std::ceil((stop - start) / step);
  const Shape shape{count < 1        ? 0
                    : count > 0x1p60 ? std::int64_t{1} << 60
                                     : static_cast<std::int64_t>(count)};
  check_sizes("arange", shape, Dtype::f32, where);
  Tensor x = make_tensor(shape, Dtype::f32);
  for (std::int64_t i = 0; i < shape[0]; ++i)
    fresh_elements<float>(x)[i] = static_cast<float>(start + static_cast<double>(i) * step);
  return x;
}

Tensor Tensor::linspace(double start, double stop, std::int64_t count, TensorOptions options,
                        Where where) {
  check_sizes("linspace", {count}, options.dtype, where);
  Tensor x = make_tensor({count}, options.dtype);
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  visit_dtype(options.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < count; ++i) {
      // From the nearer end, so that both ends are exact.
      const double value = i < count / 2 ? start + static_cast<double>(i) * step
                           : count == 1  ? start
                                         : stop - static_cast<double>(count - 1 - i) * step;
      fresh_elements<T>(x)[i] = static_cast<T>(value);
    }
  });
  return x;
}

Tensor Tensor::from_values(const void* values, std::size_t count, Dtype values_dtype,
                           const Shape& shape, Dtype dtype, Where where) {
  check_sizes("from", shape, dtype, where);
  if (static_cast<std::uint64_t>(shape.numel()) != count)
    Fault("from", where)
        .raise<ShapeError>(fmt::format("a tensor of shape {} holds {} values but {} were given",
                                       to_string(shape), shape.numel(), count));
  Tensor x = make_tensor(shape, dtype);
  visit_dtype(values_dtype, [&](auto from) {
    using From = decltype(from);
    visit_dtype(dtype, [&](auto to) {
      using To = decltype(to);
      for (std::size_t i = 0; i < count; ++i)
        fresh_elements<To>(x)[i] = static_cast<To>(static_cast<const From*>(values)[i]);
    });
  });
  return x;
}

Tensor empty_like(const Tensor& x, Where where) {
  check_defined("empty_like", "x", x, where);
  return make_tensor(x.shape(), output_order(x.shape(), {&x}), x.dtype());
}
Tensor zeros_like(const Tensor& x, Where where) { return filled_like("zeros_like", x, 0, where); }
Tensor ones_like(const Tensor& x, Where where) { return filled_like("ones_like", x, 1, where); }
Tensor full_like(const Tensor& x, double value, Where where) {
  return filled_like("full_like", x, value, where);
}

}  // namespace tenon
