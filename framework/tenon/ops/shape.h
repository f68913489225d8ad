#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

/// All of these take any dtype and any strides; wrong axes, sizes and indices are ShapeErrors;
/// negative axes count from the end.

/// The elements, row-major, as another shape with as many; one size may be -1, which is worked out.
/// A view where strides allow it (flattening a batch-inner [N, C, H, W] to [N, C * H * W] is one),
/// else a copy in rows.   dx = reshape(dy).
Tensor reshape(const Tensor& x, const Shape& shape, Where where = Where::current());
/// Joins the axes from start_axis to end_axis, both included: a reshape. A scalar gives [1].
Tensor flatten(const Tensor& x, std::int64_t start_axis = 0, std::int64_t end_axis = -1,
               Where where = Where::current());

/// The others of this group are always views: they share storage and version.
/// Swaps two axes.   dx = transpose(dy, axis0, axis1).
Tensor transpose(const Tensor& x, std::int64_t axis0, std::int64_t axis1,
                 Where where = Where::current());
/// Axis i of y is axis axes[i] of x.   dx: the inverse permutation.
Tensor permute(const Tensor& x, const Axes& axes, Where where = Where::current());
/// Repeats axes of size 1, and adds axes in front, without copying; -1 keeps a size.   dx =
/// sum_to(dy, x's shape).
Tensor expand(const Tensor& x, const Shape& shape, Where where = Where::current());
/// Drops all axes of size 1, or those of the given ones that have size 1.
Tensor squeeze(const Tensor& x, const Axes& axes = {}, Where where = Where::current());
/// Adds an axis of size 1: y's axis `axis`, from -rank - 1 to rank.
Tensor unsqueeze(const Tensor& x, std::int64_t axis, Where where = Where::current());
struct SliceOptions {
  std::int64_t start = 0;
  std::int64_t stop = INT64_MAX;
  std::int64_t step = 1;  ///< >= 1
};
/// x[start:stop:step] along an axis; bounds as in Python: negative ones count from the end, all are
/// limited to the axis. dx: zeros with dy at the places taken.
Tensor slice(const Tensor& x, std::int64_t axis, SliceOptions options,
             Where where = Where::current());
/// x[index] along an axis, which is dropped; negative indices count from the end. x[i] is select(x,
/// 0, i).
Tensor select(const Tensor& x, std::int64_t axis, std::int64_t index,
              Where where = Where::current());
/// Parts of `size` along an axis (the last may be smaller; an empty axis gives one empty part).
std::vector<Tensor> split(const Tensor& x, std::int64_t size, std::int64_t axis = 0,
                          Where where = Where::current());

/// The rest gives fresh tensors, in the order (rows, channels-last, batch-inner) of the first
/// input. The tensors behind each other along an axis; all other sizes must agree. Dtypes are
/// promoted.   dx: slices of dy.
Tensor concat(const std::vector<Tensor>& tensors, std::int64_t axis = 0,
              Where where = Where::current());
/// The tensors, of one shape, as the parts of a new axis (rows). Dtypes are promoted.   dx:
/// selections of dy.
Tensor stack(const std::vector<Tensor>& tensors, std::int64_t axis = 0,
             Where where = Where::current());
/// How much to add before and after an axis, >= 0.
struct PadAmount {
  std::int64_t before = 0;
  std::int64_t after = 0;
};
/// x surrounded by a value (DataError if the dtype cannot hold it). amounts[i] belongs to axis i;
/// axes without one keep their size.   dx: the inner part of dy.
Tensor pad(const Tensor& x, const std::vector<PadAmount>& amounts, double value = 0,
           Where where = Where::current());
/// x backwards along the given axes, or all.   dx = flip(dy, axes).
Tensor flip(const Tensor& x, const Axes& axes, Where where = Where::current());
/// Of each matrix [..., i, j] the part with j - i <= diagonal, the rest 0.   dx = tril(dy,
/// diagonal).
Tensor tril(const Tensor& x, std::int64_t diagonal = 0, Where where = Where::current());
/// Of each matrix [..., i, j] the part with j - i >= diagonal, the rest 0.   dx = triu(dy,
/// diagonal).
Tensor triu(const Tensor& x, std::int64_t diagonal = 0, Where where = Where::current());

}  // namespace tenon
