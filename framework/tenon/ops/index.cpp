#include "tenon/ops/index.h"

#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/index.h"
#include "tenon/kernels/join.h"
#include "tenon/ops/broadcast_internal.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tenon/ops/shape_internal.h"

namespace tenon {
namespace {

void check_index_dtype(const char* operation, const Tensor& index, Where where) {
  check_defined(operation, "index", index, where);
  if (!is_integer(index.dtype()))
    Fault(operation, where)
        .operand("index", index)
        .fix("Convert it: index.to(Dtype::i64).")
        .raise<DtypeError>(
            fmt::format("index must be i64, i32 or u8 but is {}", to_string(index.dtype())));
}

/// "[1, 2]", of element `i` in row-major order.
std::string position(const Shape& shape, std::size_t i) {
  Shape at = shape;
  auto rest = static_cast<std::int64_t>(i);
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    at[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  return to_string(at);
}

/// The indices in row-major order; `raise(value, position)` throws for one outside of [0, size).
template <class Raise>
std::vector<std::int64_t> checked(const Tensor& index, std::int64_t size, const Raise& raise) {
  std::vector<std::int64_t> values = index.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0 || values[i] >= size) raise(values[i], position(index.shape(), i));
  return values;
}
/// The same for indices along an axis of x.
std::vector<std::int64_t> checked(const char* operation, const Tensor& index, const Tensor& x,
                                  std::size_t axis, Where where, const char* x_name = "x") {
  const std::int64_t size = x.shape()[axis];
  return checked(index, size, [&](std::int64_t value, const std::string& at) {
    Fault(operation, where)
        .operand(x_name, x)
        .operand("index", index)
        .raise<ShapeError>(
            fmt::format("index holds {} at {}, outside of axis {} of {}, which has size {}", value,
                        at, axis, x_name, size));
  });
}

/// One index a coordinate of axis `axis`, the same for all other coordinates.
Strides along(std::size_t axis, std::size_t rank) {
  Strides strides = Strides::filled(rank, 0);
  strides[axis] = 1;
  return strides;
}

Tensor copy_of(const Tensor& x) {
  return kernels::copy_to_strides(x, contiguous_strides(x.shape()));
}

void check_not_boolean(const char* operation, const Tensor& x, Where where) {
  if (x.dtype() == Dtype::boolean)
    Fault(operation, where)
        .operand("x", x)
        .fix("Convert it: x.to(Dtype::i64).")
        .raise<DtypeError>("booleans cannot be added");
}

/// Zeros of `shape` with dy added at the places that gather took.
Tensor gather_gradient(const Tensor& dy, const Shape& shape, std::size_t axis,
                       const Tensor& index) {
  Tensor dx = Tensor::zeros(shape, {dy.dtype()});
  const std::vector<std::int64_t> values = index.to_vector<std::int64_t>();
  kernels::add_at(dx, {values.data(), axis, contiguous_strides(index.shape())}, dy);

  return record("gather_gradient", {dy}, dx,
                [axis, index = Saved(index)](const Tensor& g, const Needs&) -> Gradients {
                  return {gather(g, static_cast<std::int64_t>(axis), index.get())};
                });
}

/// Zeros of `shape` with dy added at the places that index_select took.
Tensor index_select_gradient(const Tensor& dy, const Shape& shape, std::size_t axis,
                             const Tensor& index) {
  Tensor dx = Tensor::zeros(shape, {dy.dtype()});
  const std::vector<std::int64_t> values = index.to_vector<std::int64_t>();
  kernels::add_at(dx, {values.data(), axis, along(axis, shape.rank())}, dy);

  return record("index_select_gradient", {dy}, dx,
                [axis, index = Saved(index)](const Tensor& g, const Needs&) -> Gradients {
                  return {index_select(g, static_cast<std::int64_t>(axis), index.get())};
                });
}

void check_list(const char* operation, const Tensor& index, Where where) {
  check_index_dtype(operation, index, where);
  if (index.rank() != 1)
    Fault(operation, where)
        .operand("index", index)
        .raise<ShapeError>(fmt::format("index must have 1 axis but has {}", index.rank()));
}

}  // namespace

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value, Where where) {
  check_defined("masked_fill", "x", x, where);
  check_defined("masked_fill", "mask", mask, where);
  if (mask.dtype() != Dtype::boolean)
    Fault("masked_fill", where)
        .operand("mask", mask)
        .fix("Compare to make one: equal(mask, 1).")
        .raise<DtypeError>(fmt::format("mask must be boolean but is {}", to_string(mask.dtype())));
  check_holds("masked_fill", x, value, where);
  const Shape shape =
      broadcast_shapes("masked_fill", {{"x", &x}, {"mask", &mask}}, x.dtype(), where);
  const Tensor y = kernels::masked_fill(x, mask, value, shape);

  return record(
      "masked_fill", {x}, y,
      [from = x.shape(), mask = Saved(mask)](const Tensor& dy, const Needs&) -> Gradients {
        return {sum_to(masked_fill(dy, mask.get(), 0), from)};
      },
      where);
}

Tensor gather(const Tensor& x, std::int64_t axis, const Tensor& index, Where where) {
  const std::size_t at = normalize_axis("gather", x, axis, where);
  check_index_dtype("gather", index, where);
  const Shape& shape = index.shape();
  bool fits = shape.rank() == x.shape().rank();
  for (std::size_t a = 0; fits && a < shape.rank(); ++a) fits = a == at || shape[a] <= x.shape()[a];
  if (!fits)
    Fault("gather", where)
        .operand("x", x)
        .operand("index", index)
        .raise<ShapeError>(
            fmt::format("index must have x's rank, and at most x's sizes but along axis {}", at));
  const std::vector<std::int64_t> values = checked("gather", index, x, at, where);
  const Tensor y = kernels::take(x, shape, kernels::strides_like(shape, x),
                                 {values.data(), at, contiguous_strides(shape)});

  return record(
      "gather", {x}, y,
      [from = x.shape(), at, index = Saved(index)](const Tensor& dy, const Needs&) -> Gradients {
        return {gather_gradient(dy, from, at, index.get())};
      },
      where);
}

Tensor scatter_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source,
                   Where where) {
  const std::size_t at = normalize_axis("scatter_add", x, axis, where);
  check_index_dtype("scatter_add", index, where);
  check_same_dtype("scatter_add", "x", x, "source", source, where);
  check_not_boolean("scatter_add", x, where);
  const auto fault = [&] {
    return Fault("scatter_add", where)
        .operand("x", x)
        .operand("index", index)
        .operand("source", source);
  };
  if (index.shape() != source.shape())
    fault().raise<ShapeError>("index and source must have the same shape");
  const Shape& shape = index.shape();
  bool fits = shape.rank() == x.shape().rank();
  for (std::size_t a = 0; fits && a < shape.rank(); ++a) fits = a == at || shape[a] <= x.shape()[a];
  if (!fits)
    fault().raise<ShapeError>(
        fmt::format("index must have x's rank, and at most x's sizes but along axis {}", at));
  const std::vector<std::int64_t> values = checked("scatter_add", index, x, at, where);
  Tensor y = copy_of(x);
  kernels::add_at(y, {values.data(), at, contiguous_strides(shape)}, source);

  return record(
      "scatter_add", {x, source}, y,
      [at, index = Saved(index)](const Tensor& dy, const Needs& needs) -> Gradients {
        return {dy, needs[1] ? gather(dy, static_cast<std::int64_t>(at), index.get()) : none};
      },
      where);
}

Tensor index_select(const Tensor& x, std::int64_t axis, const Tensor& index, Where where) {
  const std::size_t at = normalize_axis("index_select", x, axis, where);
  check_list("index_select", index, where);
  Shape shape = x.shape();
  shape[at] = index.numel();
  check_sizes("index_select", shape, x.dtype(), where);
  const std::vector<std::int64_t> values = checked("index_select", index, x, at, where);
  const Tensor y = kernels::take(x, shape, kernels::strides_like(shape, x),
                                 {values.data(), at, along(at, shape.rank())});

  return record(
      "index_select", {x}, y,
      [from = x.shape(), at, index = Saved(index)](const Tensor& dy, const Needs&) -> Gradients {
        return {index_select_gradient(dy, from, at, index.get())};
      },
      where);
}

Tensor index_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source,
                 Where where) {
  const std::size_t at = normalize_axis("index_add", x, axis, where);
  check_list("index_add", index, where);
  check_same_dtype("index_add", "x", x, "source", source, where);
  check_not_boolean("index_add", x, where);
  Shape shape = x.shape();
  shape[at] = index.numel();
  if (source.shape() != shape)
    Fault("index_add", where)
        .operand("x", x)
        .operand("index", index)
        .operand("source", source)
        .raise<ShapeError>(fmt::format("source must have the shape {}, x's with {} along axis {}",
                                       to_string(shape), shape[at], at));
  const std::vector<std::int64_t> values = checked("index_add", index, x, at, where);
  Tensor y = copy_of(x);
  kernels::add_at(y, {values.data(), at, along(at, shape.rank())}, source);

  return record(
      "index_add", {x, source}, y,
      [at, index = Saved(index)](const Tensor& dy, const Needs& needs) -> Gradients {
        return {dy, needs[1] ? index_select(dy, static_cast<std::int64_t>(at), index.get()) : none};
      },
      where);
}

Tensor one_hot(const Tensor& index, std::int64_t num_classes, Where where) {
  check_index_dtype("one_hot", index, where);
  if (num_classes < 1)
    Fault("one_hot", where)
        .operand("index", index)
        .raise<ShapeError>(fmt::format("num_classes is {} but must be at least 1", num_classes));
  Shape shape = index.shape();
  shape.insert(new_axis("one_hot", index, -1, where), num_classes);
  check_sizes("one_hot", shape, Dtype::i64, where);
  const std::vector<std::int64_t> values =
      checked(index, num_classes, [&](std::int64_t value, const std::string& at) {
        Fault("one_hot", where)
            .operand("index", index)
            .raise<ShapeError>(fmt::format("index holds {} at {}, outside of the {} classes", value,
                                           at, num_classes));
      });
  return kernels::one_hot(values.data(), shape);
}

Tensor embedding(const Tensor& weight, const Tensor& index, Where where) {
  check_defined("embedding", "weight", weight, where);
  check_index_dtype("embedding", index, where);
  if (weight.rank() != 2)
    Fault("embedding", where)
        .operand("weight", weight, "V, D")
        .raise<ShapeError>(fmt::format("weight must have 2 axes but has {}", weight.rank()));
  Shape shape = index.shape();
  shape.insert(new_axis("embedding", index, -1, where), weight.shape()[1]);
  check_sizes("embedding", shape, weight.dtype(), where);
  const std::vector<std::int64_t> values = checked("embedding", index, weight, 0, where, "weight");
  const Shape rows{index.numel(), weight.shape()[1]};
  const Tensor taken =
      kernels::take(weight, rows, contiguous_strides(rows), {values.data(), 0, along(0, 2)});
  const Tensor y = make_view(taken, shape, contiguous_strides(shape), 0);

  return record(
      "embedding", {weight}, y,
      [from = weight.shape(), rows, index = Saved(index)](const Tensor& dy,
                                                          const Needs&) -> Gradients {
        return {index_select_gradient(reshape(dy, rows), from, 0, reshape(index.get(), {rows[0]}))};
      },
      where);
}

}  // namespace tenon
