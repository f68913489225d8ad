#include "tenon/ops/matmul.h"

#include <fmt/format.h>

#include <algorithm>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/matmul.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

constexpr const char* kAxesA = "..., M, K";
constexpr const char* kAxesB = "..., K, N";

/// Checks everything; returns the shape of the product of matrices, before a vector's axis is
/// dropped.
Shape matmul_geometry(const Tensor& a, const Tensor& b, Where where) {
  check_floating("matmul", a, where, "a");
  check_floating("matmul", b, where, "b");
  check_same_dtype("matmul", "a", a, "b", b, where);
  const auto fault = [&] {
    return Fault("matmul", where).operand("a", a, kAxesA).operand("b", b, kAxesB);
  };
  const std::size_t a_rank = a.shape().rank(), b_rank = b.shape().rank();
  if (a_rank == 0 || b_rank == 0)
    fault()
        .fix("Multiply by a scalar with a * b.")
        .raise<ShapeError>(fmt::format("{} is a scalar, but both must have at least one axis",
                                       a_rank == 0 ? "a" : "b"));

  const std::int64_t a_inner = a.shape()[a_rank - 1],
                     b_inner = b.shape()[b_rank == 1 ? 0 : b_rank - 2];
  if (a_inner != b_inner) {
    Fault f = fault();
    if (a_rank == 2 && b_rank == 2 && a_inner == b.shape()[1])
      f.fix("If b holds its columns as rows, multiply by transpose(b, 0, 1).");
    f.raise<ShapeError>(fmt::format("a has K = {} but b has K = {}", a_inner, b_inner));
  }

  const std::size_t a_leading = a_rank < 2 ? 0 : a_rank - 2,
                    b_leading = b_rank < 2 ? 0 : b_rank - 2;
  const std::size_t leading = std::max(a_leading, b_leading);
  Shape shape = Shape::filled(leading, 1);
  for (std::size_t axis = 0; axis < leading; ++axis) {
    const std::int64_t a_size =
        axis + a_leading < leading ? 1 : a.shape()[axis + a_leading - leading];
    const std::int64_t b_size =
        axis + b_leading < leading ? 1 : b.shape()[axis + b_leading - leading];
    if (a_size != b_size && a_size != 1 && b_size != 1)
      fault().raise<ShapeError>(
          fmt::format("the leading axes of a and b do not broadcast, {} with {}", a_size, b_size));
    shape[axis] = a_size == 1 ? b_size : a_size;
  }
  shape.push_back(a_rank == 1 ? 1 : a.shape()[a_rank - 2], where);
  shape.push_back(b_rank == 1 ? 1 : b.shape()[b_rank - 1], where);
  check_sizes("matmul", shape, a.dtype(), where);
  return shape;
}

/// A vector as a matrix of one row or column, without history.
Tensor as_matrix(const Tensor& x, bool column) {
  if (x.rank() > 1) return x;
  const std::int64_t size = x.shape()[0], stride = x.strides()[0];
  return column ? make_view(x, {size, 1}, {stride, 0}, x.impl()->offset)
                : make_view(x, {1, size}, {0, stride}, x.impl()->offset);
}

/// The gradient of the matrices b of a b: a^T dy. One b for a whole batch takes one product over
/// all rows.
Tensor right_gradient(const Tensor& a, const Tensor& dy, const Shape& b_shape) {
  if (b_shape.rank() == 2 && a.rank() > 2 && a.numel() > 0) {
    const std::int64_t rows = a.numel() / b_shape[0];
    return matmul(transpose(reshape(a, {rows, b_shape[0]}), 0, 1), reshape(dy, {rows, b_shape[1]}));
  }
  return sum_to(matmul(transpose(a, -2, -1), dy), b_shape);
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, Where where) {
  const Shape matrices = matmul_geometry(a, b, where);
  const bool a_is_vector = a.rank() == 1, b_is_vector = b.rank() == 1;
  Tensor y = kernels::matmul(as_matrix(a, false), as_matrix(b, true));
  if (a_is_vector || b_is_vector) {
    Shape shape = matrices;
    if (b_is_vector) shape.erase(shape.rank() - 1);
    if (a_is_vector) shape.erase(shape.rank() - (b_is_vector ? 1 : 2));
    y = make_view(y, shape, contiguous_strides(shape), 0);
  }

  return record(
      "matmul", {a, b}, y,
      [a_is_vector, b_is_vector, a = Saved(a), b = Saved(b)](const Tensor& dy,
                                                             const Needs& needs) -> Gradients {
        const Tensor a_rows = a_is_vector ? unsqueeze(a.get(), 0) : a.get();
        const Tensor b_rows = b_is_vector ? unsqueeze(b.get(), 1) : b.get();
        Tensor dy_rows = b_is_vector ? unsqueeze(dy, -1) : dy;
        if (a_is_vector) dy_rows = unsqueeze(dy_rows, -2);
        Gradients gradients = Gradients::undefined(2);
        if (needs[0]) {
          const Tensor da = sum_to(matmul(dy_rows, transpose(b_rows, -2, -1)), a_rows.shape());
          gradients[0] = a_is_vector ? squeeze(da, 0) : da;
        }
        if (needs[1]) {
          const Tensor db = right_gradient(a_rows, dy_rows, b_rows.shape());
          gradients[1] = b_is_vector ? squeeze(db, 1) : db;
        }
        return gradients;
      },
      where);
}

}  // namespace tenon
