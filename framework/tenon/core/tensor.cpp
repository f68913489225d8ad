#include "tenon/core/tensor.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/strided_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {

void Tensor::share() const noexcept { impl_->retain(); }
void Tensor::drop() noexcept { impl_->release(); }

const Shape& Tensor::shape() const {
  if (!impl_)
    throw ShapeError(
        "shape: this tensor is undefined: it was default-constructed or is a gradient that does "
        "not exist.");
  return impl_->shape;
}
const Strides& Tensor::strides() const {
  static_cast<void>(shape());
  return impl_->strides;
}
Dtype Tensor::dtype() const {
  static_cast<void>(shape());
  return impl_->dtype;
}
std::int64_t Tensor::size(std::int64_t axis, Where where) const {
  return shape()[normalize_axis("size", *this, axis, where)];
}
bool Tensor::is_contiguous() const { return has_order(*this, Order::rows); }
std::uint32_t Tensor::version() const {
  static_cast<void>(shape());
  return impl_->storage->version.load(std::memory_order_relaxed);
}

const void* Tensor::raw_data(Dtype wanted, Where where) const {
  check_defined("data", "x", *this, where);
  if (dtype() != wanted)
    Fault("data", where)
        .operand("x", *this)
        .fix(fmt::format("Ask for the elements' own type, or convert first: x.to(Dtype::{}).",
                         to_string(wanted)))
        .raise<DtypeError>(fmt::format("the elements are {} but {} was asked for",
                                       to_string(dtype()), to_string(wanted)));
  if (!is_contiguous())
    Fault("data", where)
        .operand("x", *this)
        .note(fmt::format("strides {}", to_string(strides())))
        .fix("Call contiguous() first, or read with to_vector<T>().")
        .raise<ShapeError>("the elements are not in row-major order");
  return static_cast<const char*>(impl_->storage->data) +
         impl_->offset * static_cast<std::int64_t>(size_bytes(dtype()));
}

std::int64_t Tensor::checked_numel(Where where) const {
  check_defined("to_vector", "x", *this, where);
  return numel();
}

void Tensor::copy_out(void* values, Dtype wanted, std::int64_t expected_count, Where where) const {
  if (expected_count >= 0) {
    check_defined("item", "x", *this, where);
    if (numel() != expected_count)
      Fault("item", where)
          .operand("x", *this)
          .fix("Reduce it first (sum, mean, x[i]), or read all values with to_vector<T>().")
          .raise<ShapeError>(
              fmt::format("a tensor of {} elements is not a single number", numel()));
  }
  visit_dtype(dtype(), [&](auto from) {
    using From = decltype(from);
    visit_dtype(wanted, [&](auto to) {
      using To = decltype(to);
      const From* x = elements<From>(*this);
      To* next = static_cast<To*>(values);
      if (std::is_same_v<From, To> && is_contiguous()) {
        if (numel() > 0) std::memcpy(values, x, static_cast<std::size_t>(numel()) * sizeof(To));
      } else {
        for_each_offset(shape(), strides(),
                        [&](std::int64_t offset) { *next++ = static_cast<To>(x[offset]); });
      }
    });
  });
}

namespace {
Tensor tensor_of(Handle<Storage> storage, const Shape& shape, const Strides& strides,
                 std::int64_t offset, Dtype dtype) {
  auto* impl = new TensorImpl(std::move(storage), shape, strides, offset, dtype);
  impl->retain_fresh();
  return Tensor::adopt(impl);
}
}  // namespace

Tensor make_tensor(const Shape& shape, const Strides& strides, Dtype dtype) {
  return tensor_of(Storage::make(static_cast<std::size_t>(shape.numel()) * size_bytes(dtype)),
                   shape, strides, 0, dtype);
}
Tensor make_tensor(const Shape& shape, Dtype dtype) {
  return make_tensor(shape, contiguous_strides(shape), dtype);
}

Tensor make_view(const Tensor& x, const Shape& shape, const Strides& strides, std::int64_t offset) {
  return tensor_of(x.impl()->storage, shape, strides, offset, x.dtype());
}

void check_sizes(const char* operation, const Shape& shape, Dtype dtype, Where where) {
  std::int64_t bytes = static_cast<std::int64_t>(size_bytes(dtype));
  bool overflow = false;
  for (const std::int64_t size : shape) {
    if (size < 0)
      Fault(operation, where)
          .raise<ShapeError>(
              fmt::format("the shape {} has a negative size, {}", to_string(shape), size));
    overflow |= __builtin_mul_overflow(bytes, size, &bytes);
  }
  // A size of zero makes the product zero, but strides are products of the others.
  for (std::int64_t product = 1; const std::int64_t size : shape)
    overflow |= __builtin_mul_overflow(product, size == 0 ? 1 : size, &product);
  constexpr std::int64_t kMostBytes = std::int64_t{1} << 46;  // what an x86-64 process can address
  if (overflow || bytes > kMostBytes)
    Fault(operation, where)
        .raise<ShapeError>(fmt::format("a tensor of shape {} {} is larger than memory can be",
                                       to_string(shape), to_string(dtype)));
}

std::size_t normalize_axis(const char* operation, const Tensor& x, std::int64_t axis, Where where) {
  check_defined(operation, "x", x, where);
  const std::int64_t rank = x.rank();
  if (axis < -rank || axis >= rank)
    Fault(operation, where)
        .operand("x", x)
        .raise<ShapeError>(
            rank == 0 ? fmt::format("there is no axis {}: x is a scalar", axis)
                      : fmt::format("there is no axis {}: x has axes 0 to {} (or -{} to -1)", axis,
                                    rank - 1, rank));
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

bool all_close(const Tensor& a, const Tensor& b, Tolerance tolerance, Where where) {
  check_defined("all_close", "a", a, where);
  check_defined("all_close", "b", b, where);
  if (a.shape() != b.shape())
    Fault("all_close", where)
        .operand("a", a)
        .operand("b", b)
        .raise<ShapeError>("the shapes differ");
  const std::vector<double> left = a.to_vector<double>(), right = b.to_vector<double>();
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i] == right[i]) continue;  // equal infinities too
    if (!(std::abs(left[i] - right[i]) <=
          tolerance.absolute + tolerance.relative * std::abs(right[i])))
      return false;
    if (std::isinf(left[i]) || std::isinf(right[i])) return false;
  }
  return true;
}

}  // namespace tenon
