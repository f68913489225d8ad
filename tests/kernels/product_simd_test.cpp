#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "support/layouts.h"
#include "support/simd.h"
#include "tenon/core/kernel_report.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/matmul.h"
#include "tenon/kernels/simd/product.h"
#include "tenon/kernels/simd/product_internal.h"

namespace tenon {
namespace {

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : engine_(seed) {}
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(limit));
  }
  std::int64_t up_to(std::int64_t limit) { return 1 + below(limit); }
  std::int64_t size() { return below(4) == 0 ? up_to(140) : up_to(40); }

  /// [rows, columns] in one of the ways that a matrix can lie: row- or column-major, with or
  /// without gaps between the lines, or with gaps between all elements.
  Tensor matrix(std::int64_t rows, std::int64_t columns) {
    const bool column_major = below(2) == 0;
    const std::int64_t step = below(6) == 0 ? 2 : 1, gap = below(3) == 0 ? up_to(5) : 0;
    const std::int64_t line = (column_major ? rows : columns) * step + gap;
    const std::int64_t lines = column_major ? columns : rows, offset = below(3);
    const Tensor memory = values(lines * line + offset);
    const Strides strides = column_major ? Strides{step, line} : Strides{line, step};
    return make_view(memory, {rows, columns}, strides, offset);
  }
  /// Matrices with rows or columns contiguous, in either order of the leading axes.
  Tensor stack(const Shape& shape) {
    const std::size_t order[] = {below(2) == 0 ? 0U : 1U, below(2) == 0 ? 2U : 3U};
    Strides strides = shape;
    std::int64_t step = 1;
    for (const std::size_t axis : {order[1], 5 - order[1], 1 - order[0], order[0]}) {
      strides[axis] = step;
      step *= shape[axis];
    }
    return make_view(values(step), shape, strides, 0);
  }
  Tensor values(std::int64_t count) {
    Tensor x = make_tensor({count}, Dtype::f32);
    for (std::int64_t i = 0; i < count; ++i)
      fresh_elements<float>(x)[i] = static_cast<float>(below(2001)) / 1000.0f - 1.0f;
    return x;
  }

 private:
  std::mt19937_64 engine_;
};

double at(const Tensor& x, std::int64_t i, std::int64_t j) {
  return static_cast<double>(elements<float>(x)[i * x.strides()[0] + j * x.strides()[1]]);
}

/// Every `step`th element of c against a plain loop in double; f32 sums of k terms below 1 lose at
/// most k / 2 units of 2^-24 k.
void expect_product(const Tensor& c, const Tensor& a, const Tensor& b, const Tensor& bias,
                    double (*activation)(double), std::int64_t step = 1) {
  const std::int64_t m = a.size(0), k = a.size(1), n = b.size(1);
  ASSERT_EQ(c.shape(), (Shape{m, n}));
  const double tolerance = 2e-7 * static_cast<double>(k + 4) + 1e-6;
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = i % step; j < n; j += step) {
      double want =
          bias.defined() ? static_cast<double>(elements<float>(bias)[j * bias.strides()[0]]) : 0.0;
      for (std::int64_t d = 0; d < k; ++d) want += at(a, i, d) * at(b, d, j);
      want = activation(want);
      ASSERT_NEAR(at(c, i, j), want, tolerance) << "c[" << i << "][" << j << "]";
    }
}

std::string text(const char* name, const Tensor& x) {
  return fmt::format("{} {} strides {} ", name, to_string(x.shape()), to_string(x.strides()));
}
Tensor transposed(const Tensor& x) {
  return make_view(x, {x.size(1), x.size(0)}, {x.strides()[1], x.strides()[0]}, x.impl()->offset);
}
/// Matrix [i, j] of a stack of matrices; axes of size 1 repeat.
Tensor matrix_of(const Tensor& x, std::int64_t i, std::int64_t j) {
  const Strides& strides = x.strides();
  const std::int64_t offset =
      (x.size(0) == 1 ? 0 : i * strides[0]) + (x.size(1) == 1 ? 0 : j * strides[1]);
  return make_view(x, {x.size(2), x.size(3)}, {strides[2], strides[3]}, x.impl()->offset + offset);
}
double identity(double x) { return x; }
double relu(double x) { return x < 0 ? 0 : x; }

TEST(ProductSimd, AgreesWithAPlainLoopOverAnyStrides) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Numbers numbers(seed);
    const std::int64_t m = numbers.below(5) == 0 ? 1 : numbers.size();
    const std::int64_t n = numbers.below(5) == 0 ? numbers.up_to(8) : numbers.size();
    const std::int64_t k = numbers.size();
    const Tensor a = numbers.matrix(m, k), b = numbers.matrix(k, n);
    SCOPED_TRACE(fmt::format("seed {}: {}{}", seed, text("a", a), text("b", b)));
    for_each_target([&] {
      reset_kernel_report();
      expect_product(kernels::matmul(a, b), a, b, {}, identity);
      EXPECT_EQ(kernel_report()[0].kernel, "simd");
    });
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ProductSimd, LinearAddsBiasAndActivatesInBothOrders) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Numbers numbers(1000 + seed);
    const std::int64_t batch = numbers.below(3) == 0 ? numbers.up_to(4) : numbers.size();
    const std::int64_t in = numbers.size(), out = numbers.size();
    const Tensor x = numbers.matrix(batch, in), w = numbers.matrix(out, in);
    const Tensor bias = numbers.below(4) == 0 ? sliced(numbers.values(out)) : numbers.values(out);
    SCOPED_TRACE(fmt::format("seed {}: {}{}", seed, text("x", x), text("w", w)));
    for_each_target([&] {
      expect_product(kernels::linear(x, w, bias, Activation::none), x, transposed(w), bias,
                     identity);
      expect_product(kernels::linear(x, w, bias, Activation::relu), x, transposed(w), bias, relu);
      expect_product(kernels::linear(x, w, {}, Activation::tanh), x, transposed(w), {}, std::tanh);
    });
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ProductSimd, BatchesOfMatricesAreTheirProducts) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Numbers numbers(2000 + seed);
    const std::int64_t m = numbers.size(), n = numbers.size(), k = numbers.size();
    const std::int64_t outer = numbers.up_to(3), inner = numbers.up_to(6);
    const Tensor a = numbers.stack({numbers.below(2) == 0 ? 1 : outer, inner, m, k});
    const Tensor b = numbers.stack({outer, numbers.below(2) == 0 ? 1 : inner, k, n});
    SCOPED_TRACE(fmt::format("seed {}: {}{}", seed, text("a", a), text("b", b)));
    for_each_target([&] {
      const Tensor c = kernels::matmul(a, b);
      for (std::int64_t i = 0; i < c.size(0); ++i)
        for (std::int64_t j = 0; j < c.size(1); ++j)
          expect_product(matrix_of(c, i, j), matrix_of(a, i, j), matrix_of(b, i, j), {}, identity);
    });
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ProductSimd, LargeProductsAreCutAndAdded) {
  Numbers numbers(7);
  for (const std::int64_t n : {1, 3, 20, 64}) {
    const Tensor a = numbers.matrix(21, 2300), b = numbers.matrix(2300, n);
    for_each_target([&] { expect_product(kernels::matmul(a, b), a, b, {}, identity); });
  }
  for (int i = 0; i < 6; ++i) {
    const Tensor x = numbers.matrix(150 + 60 * (i % 2), 1100), w = numbers.matrix(270, 1100);
    const Tensor bias = numbers.values(270);
    SCOPED_TRACE(text("x", x) + text("w", w));
    for_each_target([&] {
      expect_product(kernels::linear(x, w, bias, Activation::relu), x, transposed(w), bias, relu,
                     17);
    });
  }
}

TEST(ProductSimd, NanAndInfinityStayInTheirRowsAndColumns) {
  Numbers numbers(8);
  for (const std::int64_t batch : {1, 3, 16, 37}) {
    for (const Order order : {Order::rows, Order::batch_inner}) {
      Tensor x = in_order(make_view(numbers.values(batch * 50), {batch, 50}, {50, 1}, 0), order);
      fresh_elements<float>(x)[0] = NAN;
      fresh_elements<float>(x)[49 * x.strides()[1]] = -HUGE_VALF;
      const Tensor w = make_view(numbers.values(30 * 50), {30, 50}, {50, 1}, 0);
      for_each_target([&] {
        const std::vector<float> y = kernels::linear(x, w, {}, Activation::relu).to_vector<float>();
        for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i < 30) << i;
      });
    }
  }
}

TEST(ProductSimd, SameBitsOnAnyNumberOfThreads) {
  Numbers numbers(9);
  const int threads_before = num_threads();
  for (const std::int64_t batch : {1, 5, 128}) {
    const Tensor a = numbers.matrix(batch, 700), b = numbers.matrix(700, 300);
    std::vector<float> first;
    for (const int threads : {1, 2, 3, 5}) {
      set_num_threads(threads);
      const std::vector<float> c = kernels::matmul(a, b).to_vector<float>();
      if (first.empty()) first = c;
      EXPECT_EQ(std::memcmp(c.data(), first.data(), c.size() * sizeof(float)), 0) << threads;
    }
  }
  set_num_threads(threads_before);
}

TEST(ProductSimd, TouchesNothingBehindItsOperands) {
  using kernels::simd::product::MatrixProduct;
  for (unsigned seed = 0; seed < 150; ++seed) {
    RandomCases random(seed);
    const std::int64_t m = random.number(1, 40), n = random.number(1, 70);
    const std::int64_t k = random.number(1, 40);
    SCOPED_TRACE(fmt::format("seed {}: {} x {} x {}", seed, m, n, k));
    const std::vector<float> a = random.floats(m * k), b = random.floats(k * n);
    const std::vector<float> bias = random.floats(std::max(m, n));
    PageEnd as(a), bs(b), cs(std::vector<float>(static_cast<std::size_t>(m * n)));
    PageEnd biases(std::vector<float>(bias.end() - n, bias.end()));
    const bool turned_a = seed % 2 == 0, turned_b = seed % 3 == 0, turned_c = seed % 5 == 0;
    MatrixProduct p;
    p.m = m;
    p.n = n;
    p.k = k;
    p.a = as.data();
    p.b = bs.data();
    p.c = cs.data();
    p.a_row = turned_a ? 1 : k;
    p.a_column = turned_a ? m : 1;
    p.b_row = turned_b ? 1 : n;
    p.b_column = turned_b ? k : 1;
    p.c_row = turned_c ? 1 : n;
    p.c_column = turned_c ? m : 1;
    p.column_bias = biases.data();
    const auto check = [&] {
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          auto want = static_cast<double>(p.column_bias[j]);
          for (std::int64_t d = 0; d < k; ++d)
            want += static_cast<double>(p.a[i * p.a_row + d * p.a_column]) *
                    static_cast<double>(p.b[d * p.b_row + j * p.b_column]);
          ASSERT_NEAR(p.c[i * p.c_row + j * p.c_column], want, 1e-4) << i << ", " << j;
        }
    };
    for_each_target([&] {
      kernels::simd::product::multiply_panels(p);
      check();
      if (p.a_column != 1) return;
      std::fill_n(p.c, m * n, -7.0f);
      kernels::simd::product::multiply_dots(p);
      check();
    });
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace tenon
