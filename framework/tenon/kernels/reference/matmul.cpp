#include "tenon/kernels/reference/matmul.h"

#include <algorithm>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reference/activation_value.h"

namespace tenon::kernels::reference {
namespace {

// One block of c, and the part of b that it is multiplied with, fit the first-level cache: 8 KB and
// 32 KB.
constexpr std::int64_t kRows = 32;
constexpr std::int64_t kColumns = 32;
constexpr std::int64_t kDepth = 128;
// About 20 us at 1.5 multiplications a nanosecond.
constexpr double kWorkOfTask = 30000;

struct Block {
  std::int64_t first_row, rows, first_column, columns;
};

template <class T>
void pack(double (*packed)[kColumns], const T* b, const Product& p, std::int64_t depth,
          std::int64_t columns) {
  for (std::int64_t i = 0; i < depth; ++i) {
    for (std::int64_t j = 0; j < columns; ++j)
      packed[i][j] = static_cast<double>(b[i * p.b_row + j * p.b_column]);
  }
}

template <class T>
void store(const double (*sums)[kColumns], T* c, const Product& p, const Block& block) {
  const T* bias = p.bias.defined() ? elements<T>(p.bias) : nullptr;
  const std::int64_t bias_stride = bias ? p.bias.strides()[0] : 0;
  for (std::int64_t i = 0; i < block.rows; ++i) {
    const std::int64_t row = block.first_row + i;
    for (std::int64_t j = 0; j < block.columns; ++j) {
      const std::int64_t column = block.first_column + j;
      double value = sums[i][j];
      if (bias) value += static_cast<double>(bias[(p.bias_per_row ? row : column) * bias_stride]);
      c[row * p.c_row + column * p.c_column] =
          static_cast<T>(activation_value(value, p.activation));
    }
  }
}

template <class T>
void multiply_block(const Product& p, const T* a, const T* b, T* c, const Block& block) {
  double sums[kRows][kColumns] = {};
  double packed[kDepth][kColumns];
  for (std::int64_t k = 0; k < p.k; k += kDepth) {
    const std::int64_t depth = std::min(kDepth, p.k - k);
    pack(packed, b + k * p.b_row + block.first_column * p.b_column, p, depth, block.columns);
    for (std::int64_t i = 0; i < block.rows; ++i) {
      const T* row = a + (block.first_row + i) * p.a_row + k * p.a_column;
      for (std::int64_t d = 0; d < depth; ++d) {
        const auto factor = static_cast<double>(row[d * p.a_column]);
        for (std::int64_t j = 0; j < block.columns; ++j) sums[i][j] += factor * packed[d][j];
      }
    }
  }
  store(sums, c, p, block);
}

template <class T>
void multiply_all(const Product& p) {
  const std::int64_t row_blocks = (p.m + kRows - 1) / kRows,
                     column_blocks = (p.n + kColumns - 1) / kColumns;
  const std::int64_t blocks = p.batch_count() * row_blocks * column_blocks;
  const double work_of_block = std::max(p.work(), 1.0) / static_cast<double>(blocks);
  const auto grain = static_cast<std::int64_t>(kWorkOfTask / work_of_block) + 1;
  const T *a = elements<T>(p.a), *b = elements<T>(p.b);
  Tensor result = p.c;
  T* c = fresh_elements<T>(result);
  parallel_for(blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t column_block = i % column_blocks,
                         row_block = i / column_blocks % row_blocks;
      const ProductOffsets offsets = offsets_of(p, i / (column_blocks * row_blocks));
      const Block block = {row_block * kRows, std::min(kRows, p.m - row_block * kRows),
                           column_block * kColumns,
                           std::min(kColumns, p.n - column_block * kColumns)};
      multiply_block(p, a + offsets.a, b + offsets.b, c + offsets.c, block);
    }
  });
}

}  // namespace

void multiply(const Product& product) {
  visit_floating(product.c.dtype(), [&](auto zero) { multiply_all<decltype(zero)>(product); });
}

}  // namespace tenon::kernels::reference
