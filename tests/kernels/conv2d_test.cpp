#include "tenon/kernels/conv2d.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "kernels/conv2d_kernels.h"
#include "ops/conv_oracle.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/kernel_report.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/onednn/conv2d.h"
#include "tenon/kernels/reference/conv2d.h"

namespace tenon {
namespace {

using kernels::geometry_of;

Tensor uniform(const Shape& shape, Rng& rng, Dtype dtype = Dtype::f32) {
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}
std::vector<double> values(const Tensor& x) { return x.to_vector<double>(); }

const KernelUse* use_of(const std::vector<KernelUse>& report, const std::string& operation) {
  for (const KernelUse& use : report)
    if (use.operation == operation) return &use;
  return nullptr;
}

/// Which kernels the choice table names.
std::string kernel_for(const ConvCase& k) {
  const bool many = std::min(k.c, k.co) / k.groups >= 16 || (k.c == k.groups && k.groups >= 16);
  return many && k.n < 4 && kernels::onednn::takes(geometry_of(k)) ? "onednn" : "simd";
}

/// The plain loops, the chosen kernels and the definition, with any padding.
TEST(ConvKernels, AgreeWithEachOtherAndTheDefinition) {
  std::map<std::string, int> chosen;
  for (std::uint32_t seed = 1000; seed < 1150; ++seed) {
    ConvCase k = random_conv_case(seed, false);
    if (seed % 3 == 0) {  // many channels
      k.groups = 1 + seed / 3 % 2;
      k.c = k.groups * (16 + seed % 5), k.co = k.groups * (16 + seed % 7);
    }
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    const ConvGeometry g = geometry_of(k);
    Rng rng(seed);
    const Tensor x = uniform(k.x_shape(), rng), w = uniform(k.w_shape(), rng),
                 b = uniform({k.co}, rng);
    const Tensor dy = uniform(k.y_shape(), rng);
    const Tensor y_want =
        Tensor::from(k.forward(values(x), values(w), values(b)), k.y_shape(), Dtype::f32);
    const Tensor dx_want =
        Tensor::from(k.input_gradient(values(dy), values(w)), k.x_shape(), Dtype::f32);
    const Tensor dw_want =
        Tensor::from(k.weight_gradient(values(x), values(dy)), k.w_shape(), Dtype::f32);
    const Tensor db_want = Tensor::from(k.bias_gradient(values(dy)), {k.co}, Dtype::f32);

    Tensor y = Tensor::empty(k.y_shape()),
           dx = in_order(Tensor::empty(k.x_shape()), Order::channels_last);
    Tensor dw = Tensor::empty(k.w_shape()), db = Tensor::empty({k.co});
    kernels::reference::conv2d(g, x, w, b, Activation::none, y);
    kernels::reference::conv2d_input_gradient(g, dy, w, dx);
    kernels::reference::conv2d_weight_gradient(g, x, dy, dw);
    kernels::reference::conv2d_bias_gradient(g, dy, db);
    EXPECT_TRUE(close(y, y_want));
    EXPECT_TRUE(close(dx, dx_want));
    EXPECT_TRUE(close(dw, dw_want));
    EXPECT_TRUE(close(db, db_want));

    reset_kernel_report();
    EXPECT_TRUE(close(kernels::conv2d(x, w, b, g, Activation::none), y_want, kConvTolerance));
    EXPECT_TRUE(close(kernels::conv2d_input_gradient(dy, w, g), dx_want, kConvTolerance));
    const auto d = kernels::conv2d_weight_gradient(x, dy, g, true);
    EXPECT_TRUE(close(d.dw, dw_want, kConvTolerance));
    EXPECT_TRUE(close(d.db, db_want, kConvTolerance));
    const auto d_without = kernels::conv2d_weight_gradient(x, dy, g, false);
    EXPECT_TRUE(close(d_without.dw, dw_want, kConvTolerance));
    EXPECT_FALSE(d_without.db.defined());
    for (const char* operation : {"conv2d", "conv2d_input_gradient", "conv2d_weight_gradient"})
      EXPECT_EQ(use_of(kernel_report(), operation)->kernel, kernel_for(k)) << operation;
    ++chosen[kernel_for(k)];
  }
  EXPECT_GE(chosen["onednn"], 30);
  EXPECT_GE(chosen["simd"], 100);
}

TEST(ConvKernels, CountOperandsThatAreConverted) {
  const ConvCase few{.n = 2, .c = 3, .h = 8, .w = 8, .co = 16, .kh = 3, .kw = 3};
  ConvCase many = few;
  many.c = 16;
  ConvCase many_images = many;
  many_images.n = 9;
  for (const ConvCase& k : {few, many, many_images}) {
    SCOPED_TRACE(k.text());
    const std::string kernel = kernel_for(k);
    const Order own = kernel == "simd" ? Order::batch_inner : Order::channels_last;
    Rng rng(1);
    const Tensor x = uniform(k.x_shape(), rng), w = uniform(k.w_shape(), rng),
                 dy = uniform(k.y_shape(), rng);
    const ConvGeometry g = geometry_of(k);

    reset_kernel_report();
    EXPECT_TRUE(has_order(kernels::conv2d(in_order(x, own), w, {}, g, Activation::none), own));
    EXPECT_TRUE(has_order(kernels::conv2d_input_gradient(in_order(dy, own), w, g), own));
    kernels::conv2d_weight_gradient(in_order(x, own), in_order(dy, own), g, true);
    for (const char* operation : {"conv2d", "conv2d_input_gradient", "conv2d_weight_gradient"}) {
      const auto report = kernel_report();
      EXPECT_EQ(use_of(report, operation)->kernel, kernel) << operation;
      EXPECT_EQ(use_of(report, operation)->reorders, 0) << operation;
    }
    reset_kernel_report();
    kernels::conv2d(x, w, {}, g, Activation::none);
    kernels::conv2d_input_gradient(dy, w, g);
    kernels::conv2d_weight_gradient(x, dy, g, true);
    const auto report = kernel_report();
    EXPECT_EQ(use_of(report, "conv2d")->reorders, 1);
    EXPECT_EQ(use_of(report, "conv2d_input_gradient")->reorders, 1);
    EXPECT_EQ(use_of(report, "conv2d_weight_gradient")->reorders, 2);
    EXPECT_EQ(use_of(report, "conv2d")->implementation.find("ref"), std::string::npos);
  }
}

/// Rows of one image are batch-inner too.
TEST(ConvKernels, TakeOneImageAsItIs) {
  const ConvCase k{.n = 1, .c = 3, .h = 28, .w = 28, .co = 6, .kh = 5, .kw = 5};
  Rng rng(2);
  const Tensor x = uniform(k.x_shape(), rng), w = uniform(k.w_shape(), rng);
  reset_kernel_report();
  const Tensor y = kernels::conv2d(x, w, {}, geometry_of(k), Activation::none);
  kernels::conv2d_input_gradient(y, w, geometry_of(k));
  kernels::conv2d_weight_gradient(x, y, geometry_of(k), true);
  EXPECT_TRUE(has_order(y, Order::rows));
  for (const KernelUse& use : kernel_report()) EXPECT_EQ(use.reorders, 0) << use.operation;
}

/// Strided 1x1 weight gradients of few channels, which hit oneDNN bug 6035, stay away from it.
TEST(ConvKernels, KeepStridedPointwiseConvolutionsFromOnednn) {
  for (const std::int64_t groups : {1, 16}) {
    const ConvCase k{
        .n = 3, .c = groups, .h = 9, .w = 8, .co = groups, .sh = 2, .sw = 2, .groups = groups};
    Rng rng(3);
    const Tensor x = uniform(k.x_shape(), rng), dy = uniform(k.y_shape(), rng);
    reset_kernel_report();
    EXPECT_TRUE(
        close(kernels::conv2d_weight_gradient(x, dy, geometry_of(k), false).dw,
              Tensor::from(k.weight_gradient(values(x), values(dy)), k.w_shape(), Dtype::f32),
              kConvTolerance));
    EXPECT_EQ(use_of(kernel_report(), "conv2d_weight_gradient")->kernel, "simd");
  }
}

bool same_nan(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = values(a), y = values(b);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::isnan(x[i]) != std::isnan(y[i])) return false;
  return x.size() == y.size();
}

/// Whatever stands in for the padding never meets a NaN or an infinity.
TEST(ConvKernels, SpreadNanLikeThePlainLoops) {
  std::int64_t spared = 0;
  for (std::uint32_t seed = 3000; seed < 3120; ++seed) {
    const ConvCase k = random_conv_case(seed, false);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    if (kernel_for(k) != "simd") continue;
    const ConvGeometry g = geometry_of(k);
    Rng rng(seed);
    Tensor x = uniform(k.x_shape(), rng), w = uniform(k.w_shape(), rng),
           dy = uniform(k.y_shape(), rng);
    const float bad[] = {std::nanf(""), INFINITY, -INFINITY};
    for (Tensor* t : {&x, &w, &dy})
      t->mutable_data<float>()[seed * 7 % static_cast<std::uint32_t>(t->shape().numel())] =
          bad[seed % 3];
    Tensor y = Tensor::empty(k.y_shape()), dx = Tensor::empty(k.x_shape()),
           dw = Tensor::empty(k.w_shape());
    kernels::reference::conv2d(g, x, w, {}, Activation::none, y);
    kernels::reference::conv2d_input_gradient(g, dy, w, dx);
    kernels::reference::conv2d_weight_gradient(g, x, dy, dw);
    EXPECT_TRUE(same_nan(kernels::conv2d(x, w, {}, g, Activation::none), y));
    EXPECT_TRUE(same_nan(kernels::conv2d_input_gradient(dy, w, g), dx));
    EXPECT_TRUE(same_nan(kernels::conv2d_weight_gradient(x, dy, g, false).dw, dw));
    for (const double v : values(y)) spared += !std::isnan(v);
  }
  EXPECT_GT(spared, 1000);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to_vector<float>() == b.to_vector<float>();
}

TEST(ConvKernels, GiveTheSameBitsOnAnyNumberOfThreads) {
  const int threads_before = num_threads();
  const ConvCase cases[] = {
      {.n = 40, .c = 1, .h = 28, .w = 28, .co = 6, .kh = 5, .kw = 5},
      {.n = 19, .c = 6, .h = 12, .w = 12, .co = 16, .kh = 5, .kw = 5},
      {.n = 8,
       .c = 32,
       .h = 16,
       .w = 16,
       .co = 32,
       .kh = 3,
       .kw = 3,
       .top = 1,
       .bottom = 1,
       .left = 1,
       .right = 1},
      {.n = 3,
       .c = 18,
       .h = 40,
       .w = 40,
       .co = 17,
       .kh = 5,
       .kw = 3,
       .sh = 2,
       .dh = 2,
       .dw = 2},  // by gemm
      {.n = 3, .c = 32, .h = 16, .w = 16, .co = 40, .kh = 3, .kw = 3},
      {.n = 6, .c = 24, .h = 16, .w = 16, .co = 24, .kh = 3, .kw = 3, .groups = 24}};
  for (const ConvCase& k : cases) {
    SCOPED_TRACE(k.text());
    const ConvGeometry g = geometry_of(k);
    Rng rng(4);
    const Tensor x = uniform(k.x_shape(), rng), w = uniform(k.w_shape(), rng),
                 b = uniform({k.co}, rng), dy = uniform(k.y_shape(), rng);
    struct Results {
      Tensor y, dx, dw, db;
    };
    const auto run = [&] {
      Results r{kernels::conv2d(x, w, b, g, Activation::tanh),
                kernels::conv2d_input_gradient(dy, w, g),
                {},
                {}};
      const auto d = kernels::conv2d_weight_gradient(x, dy, g, true);
      r.dw = d.dw, r.db = d.db;
      return r;
    };
    set_num_threads(1);
    const Results one = run();
    for (const int threads : {2, 3, 5, 1}) {
      set_num_threads(threads);
      std::vector<Results> all(1);
      all[0] = run();
      // As in a shard: on a worker, whose plans are its own, with other work beside it.
      std::vector<Results> inside(4);
      parallel_for(
          4, 1, [&](std::int64_t i, std::int64_t) { inside[static_cast<std::size_t>(i)] = run(); });
      all.insert(all.end(), inside.begin(), inside.end());
      for (const Results& r : all) {
        EXPECT_TRUE(same_bits(r.y, one.y)) << threads;
        EXPECT_TRUE(same_bits(r.dx, one.dx)) << threads;
        EXPECT_TRUE(same_bits(r.dw, one.dw)) << threads;
        EXPECT_TRUE(same_bits(r.db, one.db)) << threads;
      }
    }
  }
  set_num_threads(threads_before);
}

}  // namespace
}  // namespace tenon
