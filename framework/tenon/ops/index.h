#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon {

/// Indices are i64, i32 or u8 (DtypeError else), from 0 to the size of the axis - 1: any other is a
/// ShapeError that names it, its place and the size. No gradient flows to them. Sums of repeated
/// indices are taken in row-major order of the index, whatever the number of threads.

/// y = value where mask is true, else x.   x: any dtype that holds the value (DataError else);
/// mask: boolean; both broadcast.   dx = dy where mask is false, else 0, summed to x's shape.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value,
                   Where where = Where::current());

/// y[i, j, k] = x[index[i, j, k], j, k] for axis 0, x[i, index[i, j, k], k] for axis 1, and so on.
/// x: any dtype; index: x's rank, along the other axes at most x's sizes; y: index's shape.   dx:
/// scatter_add of dy to zeros.
Tensor gather(const Tensor& x, std::int64_t axis, const Tensor& index,
              Where where = Where::current());

/// y = x, and then y[index[i, j, k], j, k] += source[i, j, k] for axis 0, and so on.   x, source:
/// one dtype, not boolean; index: as for gather, source: its shape.   dx = dy, dsource = gather(dy,
/// axis, index).
Tensor scatter_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source,
                   Where where = Where::current());

/// y[:, k, :] = x[:, index[k], :].   x: any dtype; index: [n]; y: x's shape but for n along the
/// axis. dx: index_add of dy to zeros.
Tensor index_select(const Tensor& x, std::int64_t axis, const Tensor& index,
                    Where where = Where::current());

/// y = x, and then y[:, index[k], :] += source[:, k, :].   x, source: one dtype, not boolean;
/// index: [n]; source: x's shape but for n along the axis.   dx = dy, dsource = index_select(dy,
/// axis, index).
Tensor index_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source,
                 Where where = Where::current());

/// y[..., c] = 1 if index[...] is c, else 0.   y: [..., num_classes] i64. No gradient.
Tensor one_hot(const Tensor& index, std::int64_t num_classes, Where where = Where::current());

/// y[...] = weight[index[...]], a row.   weight: [V, D], any dtype; index: any shape; y: [..., D].
/// dweight: the rows of dy added to zeros.
Tensor embedding(const Tensor& weight, const Tensor& index, Where where = Where::current());

}  // namespace tenon
