#include "tenon/kernels/simd/product.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/simd/elementwise.h"
#include "tenon/kernels/simd/product_internal.h"

namespace tenon::kernels::simd {
namespace product {

MatrixProduct MatrixProduct::transposed() const {
  MatrixProduct t = *this;
  std::swap(t.m, t.n);
  std::swap(t.a, t.b);
  t.a_row = b_column;
  t.a_column = b_row;
  t.b_row = a_column;
  t.b_column = a_row;
  std::swap(t.c_row, t.c_column);
  std::swap(t.row_bias, t.column_bias);
  return t;
}

}  // namespace product

namespace {

using product::Index;
using product::MatrixProduct;

/// About 20 us at 50 multiplications a nanosecond.
constexpr double kWorkOfTask = 1e6;

MatrixProduct matrices_of(const Product& p) {
  MatrixProduct m;
  m.m = p.m;
  m.n = p.n;
  m.k = p.k;
  m.a = elements<float>(p.a);
  m.b = elements<float>(p.b);
  Tensor c = p.c;
  m.c = fresh_elements<float>(c);
  m.a_row = p.a_row;
  m.a_column = p.a_column;
  m.b_row = p.b_row;
  m.b_column = p.b_column;
  m.c_row = p.c_row;
  m.c_column = p.c_column;
  // The strides of axes of size 1 mean nothing.
  if (m.k == 1) m.a_column = m.b_row = 1;
  if (m.m == 1) m.a_row = m.c_row = 1;
  if (m.n == 1) m.b_column = m.c_column = 1;
  const float* bias = p.bias.defined() ? elements<float>(p.bias) : nullptr;
  (p.bias_per_row ? m.row_bias : m.column_bias) = bias;
  return m;
}

struct Choice {
  bool transposed;
  bool dots;
};

// What the kernels take, in multiply-adds of 8 numbers (about half a cycle). Fitted to sizes of 1
// to 128 on AVX2 and AVX-512.

double dots_cost(const MatrixProduct& p) {
  if (p.a_column != 1) return HUGE_VAL;
  const auto m = static_cast<double>(p.m), n = static_cast<double>(p.n);
  const auto k = static_cast<double>(p.k);
  const double packing = p.b_row == 1 ? 0 : k * n;
  return m * n * (k / 8 + 12) + packing;
}

double panels_cost(const MatrixProduct& p) {
  const auto m = static_cast<double>(p.m), n = static_cast<double>(p.n);
  const auto k = static_cast<double>(p.k);
  const double vectors = std::ceil(n / 8);
  const double packing = p.b_column == 1 ? (p.n % 8 == 0 ? 0 : 3) : p.b_row == 1 ? 6 : 16;
  const double storing = p.c_column == 1 ? (p.n % 8 == 0 ? 2 : 8) : 16;
  return vectors * (m * k + k * packing + m * storing);
}

/// The cheapest kernel, and whether for the transposed matrices.
Choice choose(const MatrixProduct& p) {
  const MatrixProduct t = p.transposed();
  const double costs[] = {panels_cost(p), panels_cost(t), dots_cost(p), dots_cost(t)};
  const auto best = std::min_element(costs, costs + 4) - costs;
  return {best % 2 == 1, best >= 2};
}

// Columns of tasks are a multiple of the widest panel, rows of the highest block; each task packs
// its part of b anew, which takes the time of about 4 rows.
constexpr Index kColumnUnit = 64;
constexpr Index kRowUnit = 12;
constexpr Index kLeastRows = 96;
constexpr double kMostTasks = 16;

struct Cut {
  Index rows, columns;  ///< of one task
};
Cut cut(const MatrixProduct& p) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  const auto tasks = static_cast<Index>(std::min(work / kWorkOfTask, kMostTasks));
  if (tasks <= 1) return {p.m, p.n};
  const Index column_tasks = std::min((p.n + kColumnUnit - 1) / kColumnUnit, tasks);
  const Index row_tasks =
      std::min((tasks + column_tasks - 1) / column_tasks, std::max<Index>(p.m / kLeastRows, 1));
  const auto share = [](Index total, Index pieces, Index unit) {
    return (total + pieces * unit - 1) / (pieces * unit) * unit;
  };
  return {share(p.m, row_tasks, kRowUnit), share(p.n, column_tasks, kColumnUnit)};
}

/// The elements of c, while they are in the cache.
void activate(const MatrixProduct& p, Activation activation) {
  if (activation == Activation::none) return;
  const bool by_rows = p.c_column == 1;
  Index lines = by_rows ? p.m : p.n, length = by_rows ? p.n : p.m;
  const Index step = by_rows ? p.c_row : p.c_column;
  if (step == length) length *= std::exchange(lines, 1);
  for (Index i = 0; i < lines; ++i)
    simd::activate(activation, p.c + i * step, p.c + i * step, length);
}

/// One part of c, on this thread.
void run(const MatrixProduct& p, bool dots, Activation activation) {
  if (dots)
    multiply_dots(p);
  else
    multiply_panels(p);
  activate(p, activation);
}

void run_in_tasks(const MatrixProduct& p, bool dots, Activation activation) {
  const Cut size = cut(p);
  const Index across = (p.n + size.columns - 1) / size.columns;
  const Index down = (p.m + size.rows - 1) / size.rows;
  if (across * down == 1) return run(p, dots, activation);
  parallel_for(across * down, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index row = i / across * size.rows, column = i % across * size.columns;
      MatrixProduct part = p;
      part.m = std::min(size.rows, p.m - row);
      part.n = std::min(size.columns, p.n - column);
      part.a += row * p.a_row;
      part.b += column * p.b_column;
      part.c += row * p.c_row + column * p.c_column;
      if (p.row_bias) part.row_bias += row;
      if (p.column_bias) part.column_bias += column;
      run(part, dots, activation);
    }
  });
}

}  // namespace

void multiply(const Product& product) {
  const MatrixProduct first = matrices_of(product);
  const Choice choice = choose(first);
  const Index matrices = product.batch_count();
  const auto matrix = [&](Index i) {
    const ProductOffsets offsets = offsets_of(product, i);
    MatrixProduct p = first;
    p.a += offsets.a;
    p.b += offsets.b;
    p.c += offsets.c;
    return choice.transposed ? p.transposed() : p;
  };
  // Many matrices are shared out whole; a few large ones take all threads each.
  constexpr Index kMany = 16;
  const double work = product.work() / static_cast<double>(matrices);
  if (matrices < kMany && work > kWorkOfTask) {
    for (Index i = 0; i < matrices; ++i) run_in_tasks(matrix(i), choice.dots, product.activation);
    return;
  }
  const auto grain = static_cast<Index>(kWorkOfTask / (work + 100)) + 1;
  parallel_for(matrices, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) run(matrix(i), choice.dots, product.activation);
  });
}

}  // namespace tenon::kernels::simd
