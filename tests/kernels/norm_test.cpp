#include "tenon/kernels/norm.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tenon/core/kernel_report.h"
#include "tenon/core/parallel.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

constexpr double kEpsilon = 1e-5;

Tensor random(const Shape& shape, std::uint64_t seed, Dtype dtype = Dtype::f32) {
  Rng rng(seed);
  return Tensor::normal(shape, rng, {.mean = 0.5, .stddev = 2, .dtype = dtype});
}

Tensor as_f64(const Tensor& x) {
  return x.defined() ? Tensor::from(x.to_vector<double>(), x.shape(), Dtype::f64) : x;
}
Tensor as_f32(const Tensor& x) {
  return Tensor::from(x.to_vector<double>(), x.shape(), Dtype::f32);
}

KernelUse use_of(const std::string& operation) {
  for (const KernelUse& use : kernel_report())
    if (use.operation == operation && use.calls > 0) return use;
  return {};
}

class Threads {
 public:
  explicit Threads(int count) : previous_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(previous_); }

 private:
  int previous_;
};

bool same_bits(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0;
}

TEST(NormKernel, ChannelsLastTakesVectorCode) {
  const Tensor x = in_order(random({3, 32, 9, 7}, 1), Order::channels_last), w = random({32}, 2),
               b = random({32}, 3);
  reset_kernel_report();
  const kernels::Normalized got = kernels::batch_norm(x, w, b, kEpsilon);
  EXPECT_EQ(use_of("batch_norm").kernel, "simd");
  const kernels::Normalized want = kernels::batch_norm(as_f64(x), as_f64(w), as_f64(b), kEpsilon);
  EXPECT_TRUE(close(got.y, as_f32(want.y)));
  EXPECT_TRUE(close(got.mean, as_f32(want.mean)));
  EXPECT_TRUE(close(got.variance, as_f32(want.variance)));

  const Tensor dy = random(x.shape(), 4);  // rows: copied once
  reset_kernel_report();
  const auto gradients =
      kernels::batch_norm_gradient(dy, x, got.mean, got.variance, w, kEpsilon, {});
  EXPECT_EQ(use_of("batch_norm_gradient").kernel, "simd");
  EXPECT_EQ(use_of("batch_norm_gradient").reorders, 1);
  const auto wanted = kernels::batch_norm_gradient(as_f64(dy), as_f64(x), want.mean, want.variance,
                                                   as_f64(w), kEpsilon, {});
  EXPECT_TRUE(close(gradients.dx, as_f32(wanted.dx), {1e-4, 1e-5}));
  EXPECT_TRUE(close(gradients.dw, as_f32(wanted.dw), {1e-4, 1e-3}));
  EXPECT_TRUE(close(gradients.db, as_f32(wanted.db), {1e-4, 1e-3}));
  EXPECT_EQ(order_of(gradients.dx), Order::channels_last);
}

TEST(NormKernel, Float64TakesTheReference) {
  const Tensor x = as_f64(random({3, 32, 9, 7}, 1));
  reset_kernel_report();
  kernels::batch_norm(x, {}, {}, kEpsilon);
  EXPECT_EQ(use_of("batch_norm").kernel, "reference");
  EXPECT_EQ(use_of("batch_norm").reorders, 0);
}

TEST(NormKernel, LayerNormOfRowsTakesVectorCode) {
  const Tensor x = random({7, 5, 96}, 5), w = random({96}, 6), dy = random({7, 5, 96}, 7);
  reset_kernel_report();
  const kernels::Normalized got = kernels::layer_norm(x, 1, w, {}, kEpsilon);
  EXPECT_EQ(use_of("layer_norm").kernel, "simd");
  EXPECT_EQ(got.mean.shape(), (Shape{7, 5}));
  const kernels::Normalized want = kernels::layer_norm(as_f64(x), 1, as_f64(w), {}, kEpsilon);
  EXPECT_TRUE(close(got.y, as_f32(want.y)));
  EXPECT_TRUE(close(got.mean, as_f32(want.mean)));
  EXPECT_TRUE(close(got.variance, as_f32(want.variance)));
  const auto gradients =
      kernels::layer_norm_gradient(dy, x, 1, got.mean, got.variance, w, kEpsilon, {});
  EXPECT_EQ(use_of("layer_norm_gradient").kernel, "simd");
  const auto wanted = kernels::layer_norm_gradient(as_f64(dy), as_f64(x), 1, want.mean,
                                                   want.variance, as_f64(w), kEpsilon, {});
  EXPECT_TRUE(close(gradients.dx, as_f32(wanted.dx), {1e-4, 1e-5}));
  EXPECT_TRUE(close(gradients.dw, as_f32(wanted.dw), {1e-4, 1e-4}));
  EXPECT_TRUE(close(gradients.db, as_f32(wanted.db), {1e-4, 1e-4}));
}

TEST(NormKernel, GivesOnlyTheGradientsThatAreWanted) {
  const Tensor x = random({4, 16}, 8), dy = random({4, 16}, 9), w = random({16}, 10);
  for (const Order order : {Order::rows, Order::batch_inner}) {
    const Tensor layout = in_order(x, order);
    const auto batch = kernels::batch_norm(layout, w, {}, kEpsilon),
               layer = kernels::layer_norm(layout, 1, w, {}, kEpsilon);
    for (int mask = 0; mask < 8; ++mask) {
      const kernels::NormNeeds needs = {(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0};
      for (const auto& g : {kernels::batch_norm_gradient(dy, layout, batch.mean, batch.variance, w,
                                                         kEpsilon, needs),
                            kernels::layer_norm_gradient(dy, layout, 1, layer.mean, layer.variance,
                                                         w, kEpsilon, needs)}) {
        EXPECT_EQ(g.dx.defined(), needs.dx);
        EXPECT_EQ(g.dw.defined(), needs.dw);
        EXPECT_EQ(g.db.defined(), needs.db);
      }
    }
  }
}

TEST(NormKernel, SameBitsOnAnyNumberOfThreads) {
  // Large enough for several blocks in each order: 230 000 elements.
  const Tensor values = random({24, 48, 20, 10}, 11), gradient = random({24, 48, 20, 10}, 12),
               w = random({48}, 13);
  const Tensor layer_w = random({10}, 14);
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
      const Tensor x = in_order(values.to(dtype), order), dy = in_order(gradient.to(dtype), order);
      std::vector<Tensor> first;
      for (const int count : {1, 2, 3, 5}) {
        const Threads threads(count);
        const auto batch = kernels::batch_norm(x, w.to(dtype), {}, kEpsilon);
        const auto dbatch = kernels::batch_norm_gradient(dy, x, batch.mean, batch.variance,
                                                         w.to(dtype), kEpsilon, {});
        const auto layer = kernels::layer_norm(x, 1, layer_w.to(dtype), {}, kEpsilon);
        const auto dlayer = kernels::layer_norm_gradient(dy, x, 1, layer.mean, layer.variance,
                                                         layer_w.to(dtype), kEpsilon, {});
        const std::vector<Tensor> all = {batch.y,        batch.mean, batch.variance, dbatch.dx,
                                         dbatch.dw,      dbatch.db,  layer.y,        layer.mean,
                                         layer.variance, dlayer.dx,  dlayer.dw,      dlayer.db};
        if (first.empty()) first = all;
        for (std::size_t i = 0; i < all.size(); ++i)
          EXPECT_TRUE(same_bits(all[i], first[i]))
              << "result " << i << ", " << count << " threads, order " << int(order);
      }
    }
  }
}

}  // namespace
}  // namespace tenon
