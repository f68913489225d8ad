#include "tenon/kernels/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tenon/core/kernel_report.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/onednn/matmul.h"
#include "tenon/kernels/product.h"
#include "tenon/kernels/reference/matmul.h"
#include "tenon/kernels/simd/target.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

Tensor random(const Shape& shape, std::uint64_t seed, Dtype dtype = Dtype::f32) {
  Rng rng(seed);
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}

Tensor transposed(const Tensor& x) {
  return make_view(x, {x.size(1), x.size(0)}, {x.strides()[1], x.strides()[0]}, x.impl()->offset);
}

Tensor multiplied_by_reference(const Tensor& a, const Tensor& b) {
  Shape shape = a.shape();
  shape[shape.rank() - 1] = b.size(-1);
  Tensor c = make_tensor(shape, a.dtype());
  kernels::reference::multiply(kernels::make_product(a, b, c));
  return c;
}

/// The kernel that ran since the last reset, "onednn" say, and its copies of operands.
KernelUse only_use(const std::string& operation) {
  KernelUse found;
  for (const KernelUse& use : kernel_report())
    if (use.operation == operation && use.calls > 0) found = use;
  return found;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<float>(), y = b.to_vector<float>();
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
}

class Threads {
 public:
  explicit Threads(int count) : previous_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(previous_); }

 private:
  int previous_;
};

TEST(MatmulKernel, ReferenceSumsInDouble) {
  // 1e8 + 1 - 1e8 is 1 in double and 0 in float.
  const Tensor a = Tensor::from({1e8F, 1.0F, -1e8F}, {1, 3}), b = Tensor::ones({3, 1});
  EXPECT_EQ(multiplied_by_reference(a, b).item<float>(), 1.0F);
}

TEST(MatmulKernel, ReferenceBlocksMeetAtTheirEdges) {
  for (const std::int64_t m : {1, 31, 32, 33, 65}) {
    for (const std::int64_t n : {1, 31, 32, 33}) {
      for (const std::int64_t k : {1, 127, 128, 129, 257}) {
        // a is 1 + its row, b counts its column, so c[i][j] = k (1 + i) j exactly.
        Tensor a = make_tensor({m, k}, Dtype::f64), b = make_tensor({k, n}, Dtype::f64);
        for (std::int64_t i = 0; i < m * k; ++i)
          fresh_elements<double>(a)[i] = 1.0 + static_cast<double>(i / k);
        for (std::int64_t i = 0; i < k * n; ++i)
          fresh_elements<double>(b)[i] = static_cast<double>(i % n);
        const Tensor c = multiplied_by_reference(a, b);
        for (std::int64_t i = 0; i < m * n; ++i)
          ASSERT_EQ(c.data<double>()[i], static_cast<double>(k * (1 + i / n) * (i % n)))
              << m << " " << n << " " << k;
      }
    }
  }
}

TEST(MatmulKernel, OneDnnAgreesWithTheReference) {
  struct Sizes {
    std::int64_t m, k, n;
  };
  for (const Sizes s : {Sizes{16, 84, 10},
                        {128, 256, 120},
                        {1, 300, 200},
                        {200, 300, 1},
                        {33, 1, 65},
                        {257, 129, 67},
                        {300, 400, 500}}) {
    const Tensor a = random({s.m, s.k}, 1), b = random({s.k, s.n}, 2);
    const Tensor want = multiplied_by_reference(a, b);
    for (const Tensor& a_layout : {a, transposed(transposed(a).contiguous())}) {
      for (const Tensor& b_layout : {b, transposed(transposed(b).contiguous())}) {
        Tensor c = make_tensor({s.m, s.n}, Dtype::f32);
        reset_kernel_report();
        EXPECT_TRUE(
            kernels::onednn::multiply("matmul", kernels::make_product(a_layout, b_layout, c), 0));
        // Sums of up to 400 terms of size 1/4 in float.
        EXPECT_TRUE(close(c, want, {1e-5, 2e-5})) << s.m << " " << s.k << " " << s.n;
        const KernelUse use = only_use("matmul");
        EXPECT_EQ(use.kernel, "onednn");
        EXPECT_EQ(use.implementation.find("ref"), std::string::npos) << use.implementation;
      }
    }
  }
}

bool has_avx512() { return std::strcmp(kernels::simd::target_name(), "AVX-512") == 0; }

TEST(MatmulKernel, CopiesOnlyWhatOneDnnDoesNotTake) {
  if (!has_avx512()) GTEST_SKIP() << "oneDNN takes large products on AVX-512 alone";
  const Tensor a = random({800, 1400}, 3), b = random({1400, 1000}, 4);
  const Tensor want = multiplied_by_reference(a, b);
  reset_kernel_report();
  EXPECT_TRUE(close(kernels::matmul(sliced(a), b), want, {1e-5, 1e-4}));
  EXPECT_EQ(only_use("matmul").reorders, 1);
  EXPECT_EQ(only_use("matmul").kernel, "onednn");

  // Columns 5 to 1404 of a wider matrix: row-major with a gap is taken as it is.
  const Tensor wide = random({800, 1500}, 5);
  const Tensor part = make_view(wide, {800, 1400}, wide.strides(), 5);
  reset_kernel_report();
  EXPECT_TRUE(close(kernels::matmul(part, b), multiplied_by_reference(part, b), {1e-5, 1e-4}));
  EXPECT_EQ(only_use("matmul").reorders, 0);
  EXPECT_EQ(only_use("matmul").kernel, "onednn");
}

TEST(MatmulKernel, SizesAndDtypeChooseTheKernel) {
  const auto kernel_of = [](const Shape& a, const Shape& b, Dtype dtype) {
    reset_kernel_report();
    kernels::matmul(random(a, 6, dtype), random(b, 7, dtype));
    return only_use("matmul").kernel;
  };
  EXPECT_EQ(kernel_of({4, 4}, {4, 4}, Dtype::f32), "simd");
  EXPECT_EQ(kernel_of({5, 40, 40}, {40, 40}, Dtype::f32), "simd");
  EXPECT_EQ(kernel_of({5, 40, 40}, {5, 40, 40}, Dtype::f32), "simd");
  EXPECT_EQ(kernel_of({2000, 1000}, {1000, 600}, Dtype::f32), has_avx512() ? "onednn" : "simd");
  EXPECT_EQ(kernel_of({40, 40}, {40, 40}, Dtype::f64), "reference");
}

TEST(MatmulKernel, BatchInnerLinearGivesTheValuesOfRows) {
  const Tensor x = random({64, 256}, 8), w = random({120, 256}, 9), b = random({120}, 10);
  for (const Activation activation : {Activation::none, Activation::tanh, Activation::relu}) {
    const Tensor want = kernels::linear(x, w, b, activation);
    reset_kernel_report();
    const Tensor y = kernels::linear(in_order(x, Order::batch_inner), w, b, activation);
    EXPECT_EQ(order_of(y), Order::batch_inner);
    EXPECT_TRUE(close(y, want, {1e-5, 1e-5}));
    const KernelUse use = only_use("linear");
    EXPECT_EQ(use.kernel, "simd");
    EXPECT_EQ(use.reorders, 0);
  }
}

TEST(MatmulKernel, SameBitsOnAnyNumberOfThreads) {
  // Long sums invite a split of k; [8, 9000, 8] has nothing else to split. 128 x 120 is small, the
  // last is large.
  const std::pair<Shape, Shape> cases[] = {
      {{8, 9000}, {9000, 8}},   {{64, 4000}, {4000, 64}},     {{128, 256}, {256, 120}},
      {{512, 300}, {300, 200}}, {{24, 60, 70}, {24, 70, 50}}, {{3, 200, 300}, {3, 300, 200}}};
  for (const auto& [a_shape, b_shape] : cases) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor a = random(a_shape, 11, dtype), b = random(b_shape, 12, dtype);
      Tensor first;
      for (const int count : {1, 2, 3, 5}) {
        const Threads threads(count);
        const Tensor c = kernels::matmul(a, b);
        if (!first.defined()) first = c;
        EXPECT_TRUE(dtype == Dtype::f64 ? close(c, first, {0, 0})
                                        : testing::AssertionResult(same_bits(c, first)))
            << count << " threads, " << to_string(a_shape);
      }
    }
  }
}

TEST(MatmulKernel, NoActivationHidesNan) {
  for (const std::int64_t rows : {2, 64}) {
    for (const Order order : {Order::rows, Order::batch_inner}) {
      Tensor x = random({rows, 40}, 15);
      fresh_elements<float>(x)[0] = NAN;
      for (const Activation activation :
           {Activation::none, Activation::tanh, Activation::sigmoid, Activation::relu,
            Activation::leaky_relu, Activation::elu, Activation::gelu, Activation::silu}) {
        const Tensor y =
            kernels::linear(in_order(x, order), random({30, 40}, 16), random({30}, 17), activation);
        const std::vector<float> values = y.to_vector<float>();
        for (std::size_t i = 0; i < values.size(); ++i)
          EXPECT_EQ(std::isnan(values[i]), i < 30) << i << ", activation " << int(activation);
      }
    }
  }
}

TEST(MatmulKernel, NanAndInfinityPass) {
  Tensor a = random({32, 64}, 13);
  const Tensor b = random({64, 48}, 14);
  fresh_elements<float>(a)[5 * 64 + 3] = NAN;
  fresh_elements<float>(a)[9 * 64] = INFINITY;
  const Tensor c = kernels::matmul(a, b);
  for (std::int64_t j = 0; j < 48; ++j) {
    EXPECT_TRUE(std::isnan(c.data<float>()[5 * 48 + j]));
    EXPECT_TRUE(std::isinf(c.data<float>()[9 * 48 + j]));
    EXPECT_TRUE(std::isfinite(c.data<float>()[j]));
  }
}

}  // namespace
}  // namespace tenon
