#include "tenon/ops/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using Values = std::vector<double>;

/// The product of batches whose leading axes have already been broadcast: three nested loops in
/// double.
Values product(const Tensor& a, const Tensor& b) {
  const std::int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  const std::int64_t batch =
      m * k > 0 ? a.numel() / (m * k) : (k * n > 0 ? b.numel() / (k * n) : 1);
  const Values av = a.to_vector<double>(), bv = b.to_vector<double>();
  Values c(static_cast<std::size_t>(batch * m * n));
  for (std::int64_t i = 0; i < batch; ++i)
    for (std::int64_t row = 0; row < m; ++row)
      for (std::int64_t column = 0; column < n; ++column) {
        double total = 0;
        for (std::int64_t d = 0; d < k; ++d)
          total += av[static_cast<std::size_t>((i * m + row) * k + d)] *
                   bv[static_cast<std::size_t>((i * k + d) * n + column)];
        c[static_cast<std::size_t>((i * m + row) * n + column)] = total;
      }
  return c;
}

Tensor random(const Shape& shape, Dtype dtype, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}

/// x's values with the last two axes swapped in memory.
Tensor transposed_memory(const Tensor& x) {
  return transpose(transpose(x, -2, -1).contiguous(), -2, -1);
}

std::vector<std::pair<std::string, Tensor>> matrix_layouts(const Tensor& x) {
  auto all = layouts(x);
  all.emplace_back("transposed", transposed_memory(x));
  return all;
}

TEST(Matmul, MatrixProductsOfAllLayoutsAndSizes) {
  struct Sizes {
    std::int64_t m, k, n;
  };
  for (const Sizes s : {Sizes{1, 1, 1},
                        {1, 7, 5},
                        {5, 7, 1},
                        {3, 1, 4},
                        {2, 3, 4},
                        {13, 17, 11},
                        {33, 129, 35},
                        {40, 200, 70}}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor a = random({s.m, s.k}, dtype, 1), b = random({s.k, s.n}, dtype, 2);
      const Values want = product(a, b);
      for (const auto& [a_name, a_layout] : matrix_layouts(a)) {
        for (const auto& [b_name, b_layout] : matrix_layouts(b)) {
          const Tensor y = matmul(a_layout, b_layout);
          ASSERT_EQ(y.shape(), (Shape{s.m, s.n}));
          EXPECT_TRUE(y.is_contiguous());
          EXPECT_TRUE(close(y, want))
              << a_name << ", " << b_name << ", m " << s.m << " k " << s.k << " n " << s.n;
        }
      }
    }
  }
}

TEST(Matmul, BroadcastsLeadingAxes) {
  struct Case {
    Shape a, b, a_full, b_full, y;
  };
  const Case cases[] = {
      {{2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 6}},
      {{2, 3, 4, 5}, {5, 6}, {2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 6}},
      {{4, 5}, {2, 3, 5, 6}, {2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 6}},
      {{3, 1, 4, 5}, {2, 5, 6}, {3, 2, 4, 5}, {3, 2, 5, 6}, {3, 2, 4, 6}},
      {{2, 1, 1, 5}, {1, 3, 5, 1}, {2, 3, 1, 5}, {2, 3, 5, 1}, {2, 3, 1, 1}},
      {{20, 9, 11}, {20, 11, 13}, {20, 9, 11}, {20, 11, 13}, {20, 9, 13}},
      {{3, 70, 110}, {3, 110, 130}, {3, 70, 110}, {3, 110, 130}, {3, 70, 130}},
  };
  for (const Case& c : cases) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor a = random(c.a, dtype, 3), b = random(c.b, dtype, 4);
      const Values want = product(expand(a, c.a_full), expand(b, c.b_full));
      for (const auto& [a_name, a_layout] : matrix_layouts(a)) {
        for (const auto& [b_name, b_layout] : matrix_layouts(b)) {
          const Tensor y = matmul(a_layout, b_layout);
          ASSERT_EQ(y.shape(), c.y);
          EXPECT_TRUE(close(y, want))
              << a_name << ", " << b_name << ", " << to_string(c.a) << " " << to_string(c.b);
        }
      }
    }
  }
}

TEST(Matmul, TakesExpandedOperands) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor row = random({1, 24}, dtype, 5), column = random({24, 1}, dtype, 6),
                 b = random({24, 30}, dtype, 7);
    const Tensor a = expand(row, {40, 24});
    EXPECT_TRUE(close(matmul(a, b), product(a.contiguous(), b)));
    const Tensor wide = expand(column, {24, 50});
    EXPECT_TRUE(close(matmul(transpose(b, 0, 1), wide),
                      product(transpose(b, 0, 1).contiguous(), wide.contiguous())));
    const Tensor batch = expand(random({1, 1, 24}, dtype, 8), {6, 1, 24});
    EXPECT_TRUE(
        close(matmul(batch, b), product(batch.contiguous(), expand(b, {6, 24, 30}).contiguous())));
  }
}

TEST(Matmul, TakesOneExpandedColumn) {
  // The gradient of sum(linear(x, w)) for one output: every row is one element in memory.
  const Tensor one = Tensor::full({1, 1}, 2.0), b = random({1, 72}, Dtype::f32, 3);
  const Tensor column = expand(one, {16, 1});
  EXPECT_TRUE(close(matmul(column, b), product(column.contiguous(), b)));
  const Tensor tall = transpose(b, 0, 1), wide = transpose(column, 0, 1);
  EXPECT_TRUE(close(matmul(tall, wide), product(tall.contiguous(), wide.contiguous())));
}

TEST(Matmul, VectorsAsInPyTorch) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor v = random({5}, dtype, 9), u = random({5}, dtype, 10);
    const Tensor m = random({4, 5}, dtype, 11), n = random({5, 3}, dtype, 12),
                 batch = random({2, 5, 3}, dtype, 13);
    for (const Tensor& vector : {v, sliced(v)}) {
      EXPECT_EQ(matmul(vector, u).shape(), Shape{});
      EXPECT_TRUE(close(matmul(vector, u), product(reshape(v, {1, 5}), reshape(u, {5, 1}))));
      EXPECT_EQ(matmul(m, vector).shape(), Shape{4});
      EXPECT_TRUE(close(matmul(m, vector), product(m, reshape(v, {5, 1}))));
      EXPECT_EQ(matmul(vector, n).shape(), Shape{3});
      EXPECT_TRUE(close(matmul(vector, n), product(reshape(v, {1, 5}), n)));
      EXPECT_EQ(matmul(vector, batch).shape(), (Shape{2, 3}));
      EXPECT_TRUE(
          close(matmul(vector, batch), product(expand(reshape(v, {1, 5}), {2, 1, 5}), batch)));
      EXPECT_EQ(matmul(transpose(batch, 1, 2), vector).shape(), (Shape{2, 3}));
      EXPECT_TRUE(close(matmul(transpose(batch, 1, 2), vector),
                        product(transpose(batch, 1, 2), expand(reshape(v, {5, 1}), {2, 5, 1}))));
    }
  }
}

TEST(Matmul, EmptyAxes) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const TensorOptions options = {.dtype = dtype};
    EXPECT_TRUE(close(matmul(Tensor::ones({3, 0}, options), Tensor::ones({0, 2}, options)),
                      Tensor::zeros({3, 2}, options)));
    EXPECT_TRUE(close(matmul(Tensor::ones({0}, options), Tensor::ones({0}, options)),
                      Tensor::zeros({}, options)));
    EXPECT_EQ(matmul(Tensor::ones({0, 3}, options), Tensor::ones({3, 2}, options)).shape(),
              (Shape{0, 2}));
    EXPECT_EQ(matmul(Tensor::ones({4, 3}, options), Tensor::ones({3, 0}, options)).shape(),
              (Shape{4, 0}));
    EXPECT_EQ(matmul(Tensor::ones({0, 4, 3}, options), Tensor::ones({3, 2}, options)).shape(),
              (Shape{0, 4, 2}));
    EXPECT_EQ(matmul(Tensor::ones({0, 4, 3}, options), Tensor::ones({1, 3, 2}, options)).shape(),
              (Shape{0, 4, 2}));
  }
}

TEST(Matmul, GradientsOfEmptyAxes) {
  const auto zero_gradients = [](const Shape& a_shape, const Shape& b_shape) {
    Tensor a = Tensor::ones(a_shape).set_requires_grad(),
           b = Tensor::ones(b_shape).set_requires_grad();
    const auto grads = gradients(sum(matmul(a, b)), {a, b});
    EXPECT_TRUE(close(grads[0], Tensor::zeros(a_shape)));
    EXPECT_TRUE(close(grads[1], Tensor::zeros(b_shape)));
  };
  zero_gradients({3, 0}, {0, 2});
  zero_gradients({0, 3}, {3, 2});
  zero_gradients({0, 4, 3}, {3, 2});
  zero_gradients({4, 3}, {3, 0});
}

TEST(Matmul, FirstAndSecondGradients) {
  const std::pair<Shape, Shape> cases[] = {
      {{3, 4}, {4, 2}},       {{4}, {4}},          {{3, 4}, {4}},
      {{4}, {4, 2}},          {{4}, {2, 4, 3}},    {{2, 3, 4}, {4}},
      {{2, 3, 4}, {4, 2}},    {{3, 4}, {2, 4, 2}}, {{2, 1, 3, 4}, {3, 4, 2}},
      {{2, 3, 4}, {2, 4, 2}}, {{1, 1}, {1, 1}}};
  for (const auto& [a_shape, b_shape] : cases) {
    const Tensor a = random(a_shape, Dtype::f64, 14), b = random(b_shape, Dtype::f64, 15);
    const auto f = [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); };
    const GradientReport first = check_gradients(f, {a, b}),
                         second = check_second_gradients(f, {a, b});
    EXPECT_TRUE(first.ok) << to_string(a_shape) << to_string(b_shape) << first.message;
    EXPECT_TRUE(second.ok) << to_string(a_shape) << to_string(b_shape) << second.message;
  }
}

TEST(Matmul, GradientsThroughEveryLayout) {
  const Tensor a = random({3, 4}, Dtype::f64, 16), b = random({4, 5}, Dtype::f64, 17);
  for (const auto& [a_name, a_layout] : matrix_layouts(a)) {
    for (const auto& [b_name, b_layout] : matrix_layouts(b)) {
      const GradientReport report = check_gradients(
          [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); }, {a_layout, b_layout});
      EXPECT_TRUE(report.ok) << a_name << ", " << b_name << report.message;
    }
  }
}

TEST(Matmul, ComputesOnlyTheGradientsThatAreNeeded) {
  const Tensor dy = random({3, 2}, Dtype::f32, 20);
  for (const bool needs_a : {false, true}) {
    for (const bool needs_b : {false, true}) {
      Tensor a = random({3, 4}, Dtype::f32, 18), b = random({4, 2}, Dtype::f32, 19);
      if (needs_a) a.set_requires_grad();
      if (needs_b) b.set_requires_grad();
      const Tensor y = matmul(a, b);
      EXPECT_EQ(y.requires_grad(), needs_a || needs_b);
      if (!y.requires_grad()) continue;
      y.backward({.output_gradients = {dy}});
      ASSERT_EQ(a.grad().defined(), needs_a);
      ASSERT_EQ(b.grad().defined(), needs_b);
      if (needs_a) {
        EXPECT_TRUE(close(a.grad(), product(dy, transpose(b, 0, 1))));
      }
      if (needs_b) {
        EXPECT_TRUE(close(b.grad(), product(transpose(a, 0, 1), dy)));
      }
    }
  }
}

TEST(Matmul, NamesBothShapesAndTheLine) {
  const auto says = [](const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  };
  says(message_of<ShapeError>([] {
         matmul(Tensor::zeros({2, 3}), Tensor::zeros({4, 5}));
       }),
       {"matmul: a has K = 3 but b has K = 4", "a [2, 3] f32 (..., M, K)",
        "b [4, 5] f32 (..., K, N)", "matmul_test.cpp"});
  says(message_of<ShapeError>([] {
         matmul(Tensor::zeros({2, 3}), Tensor::zeros({4, 3}));
       }),
       {"transpose(b, 0, 1)"});
  says(message_of<ShapeError>([] {
         matmul(Tensor::zeros({2, 4, 3}), Tensor::zeros({5, 3, 2}));
       }),
       {"leading axes", "2 with 5", "[2, 4, 3]", "[5, 3, 2]", "matmul_test.cpp"});
  says(message_of<ShapeError>([] { matmul(Tensor::zeros({}), Tensor::zeros({3})); }),
       {"a is a scalar", "a * b"});
  says(message_of<ShapeError>([] { matmul(Tensor(), Tensor::zeros({3})); }),
       {"a is an undefined tensor"});
  says(message_of<DtypeError>([] {
         matmul(Tensor::zeros({2, 3}), Tensor::zeros({3, 2}, {.dtype = Dtype::f64}));
       }),
       {"a is f32 but b is f64", "[2, 3]", "[3, 2]", "matmul_test.cpp"});
  says(message_of<DtypeError>([] {
         matmul(Tensor::from({1, 2}, {2}), Tensor::from({1, 2}, {2}));
       }),
       {"a must be f32 or f64 but is i64"});
  const Tensor one = Tensor::zeros({1, 1});
  says(message_of<ShapeError>([&] {
         matmul(expand(one, {std::int64_t{1} << 40, 1}), expand(one, {1, std::int64_t{1} << 40}));
       }),
       {"matmul", "1099511627776"});
}

}  // namespace
}  // namespace tenon
