#pragma once

#include <cstdint>

namespace tenon::kernels::simd::product {

using Index = std::int64_t;

/// c = a b + bias in f32: a is m x k, b is k x n, c is m x n, all strides in elements, m, n, k > 0.
struct MatrixProduct {
  Index m = 0, n = 0, k = 0;
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  Index a_row = 0, a_column = 0, b_row = 0, b_column = 0, c_row = 0, c_column = 0;
  const float* row_bias = nullptr;     ///< null, or one number a row of c
  const float* column_bias = nullptr;  ///< null, or one number a column of c

  /// The same as the product of the transposed matrices.
  MatrixProduct transposed() const;
};

// Both run on the caller's thread. The order of the sums depends on the sizes alone.

/// Vectors along the columns of b and c, which are best contiguous: other operands are packed
/// first.
void multiply_panels(const MatrixProduct& product);
/// Vectors along k, summed at the end: for few columns. a_column must be 1; b is packed unless
/// b_row is 1.
void multiply_dots(const MatrixProduct& product);

}  // namespace tenon::kernels::simd::product
