#pragma once

#include <cstddef>
#include <cstdint>

#include "tenon/core/activation_kind.h"
#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// c = activation(a b + bias) for a batch of matrices: a is m x k, b is k x n, c is m x n. All
/// strides are in elements; a batch stride of 0 repeats the operand.
struct Product {
  static constexpr std::size_t kMaxBatchRank = kMaxRank - 2;

  Tensor a, b, c;
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0, c_row = 0, c_column = 0;

  std::size_t batch_rank = 0;
  std::int64_t batch[kMaxBatchRank] = {};
  std::int64_t a_batch[kMaxBatchRank] = {}, b_batch[kMaxBatchRank] = {},
               c_batch[kMaxBatchRank] = {};

  Tensor bias;                ///< undefined, or [n]: one number a column of c
  bool bias_per_row = false;  ///< then [m]: one number a row
  Activation activation = Activation::none;

  std::int64_t batch_count() const;
  /// The multiplications, as a double: sizes with stride 0 may overflow an integer.
  double work() const;
  /// The same as the product of the transposed matrices.
  Product transposed() const;
};

/// The offsets of one matrix of the batch.
struct ProductOffsets {
  std::int64_t a = 0, b = 0, c = 0;
};
ProductOffsets offsets_of(const Product& product, std::int64_t batch_index);

/// a [..., m, k], b [..., k, n], c [..., m, n], rank 2 to 8, the leading axes of a and b broadcast
/// to those of c. Batch axes that can be walked as one are merged, and into m where all matrices
/// share b.
Product make_product(const Tensor& a, const Tensor& b, const Tensor& c);

}  // namespace tenon::kernels
