#include "tenon/kernels/conv2d.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "ops/conv_oracle.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/kernel_report.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/onednn/conv2d.h"
#include "tenon/kernels/reference/conv2d.h"

namespace tenon {
namespace {

Tensor uniform(const Shape& shape, Rng& rng, Dtype dtype = Dtype::f32) {
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1, .dtype = dtype});
}
std::vector<double> values(const Tensor& x) { return x.to_vector<double>(); }

ConvGeometry geometry_of(const ConvCase& k) {
  return {k.n,
          k.c,
          k.co,
          k.groups,
          {k.h, k.oh(), k.kh, k.sh, k.dh, k.top, k.bottom},
          {k.w, k.ow(), k.kw, k.sw, k.dw, k.left, k.right}};
}
Tensor channels_last(const Tensor& x) { return in_order(x, Order::channels_last); }

const KernelUse* use_of(const std::vector<KernelUse>& report, const std::string& operation) {
  for (const KernelUse& use : report)
    if (use.operation == operation) return &use;
  return nullptr;
}

/// The plain loops, the chosen kernels and the definition, with any padding.
TEST(ConvKernels, AgreeWithEachOtherAndTheDefinition) {
  int by_onednn = 0;
  for (std::uint32_t seed = 1000; seed < 1150; ++seed) {
    const ConvCase k = random_conv_case(seed, false);
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

    Tensor y = Tensor::empty(k.y_shape()), dx = channels_last(Tensor::empty(k.x_shape()));
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
    EXPECT_EQ(use_of(kernel_report(), "conv2d")->kernel,
              kernels::onednn::takes(g) ? "onednn" : "reference");
    by_onednn += kernels::onednn::takes(g);
  }
  EXPECT_GE(by_onednn, 100);
}

TEST(ConvKernels, CountOperandsThatAreConverted) {
  const ConvCase k{.n = 2, .c = 3, .h = 8, .w = 8, .co = 16, .kh = 3, .kw = 3};
  Rng rng(1);
  const Tensor x = uniform(k.x_shape(), rng), w = uniform(k.w_shape(), rng),
               dy = uniform(k.y_shape(), rng);
  const ConvGeometry g = geometry_of(k);

  reset_kernel_report();
  kernels::conv2d(channels_last(x), w, {}, g, Activation::none);
  kernels::conv2d_input_gradient(channels_last(dy), w, g);
  kernels::conv2d_weight_gradient(channels_last(x), channels_last(dy), g, true);
  for (const char* operation : {"conv2d", "conv2d_input_gradient", "conv2d_weight_gradient"}) {
    const auto report = kernel_report();
    EXPECT_EQ(use_of(report, operation)->kernel, "onednn") << operation;
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

/// One channel is both rows and channels-last: no copy, and not oneDNN's slowest path.
TEST(ConvKernels, TakeOneChannelAsItIs) {
  const ConvCase k{.n = 16, .c = 1, .h = 28, .w = 28, .co = 6, .kh = 5, .kw = 5};
  Rng rng(2);
  const Tensor x = uniform(k.x_shape(), rng), w = uniform(k.w_shape(), rng);
  reset_kernel_report();
  const Tensor y = kernels::conv2d(x, w, {}, geometry_of(k), Activation::none);
  kernels::conv2d_weight_gradient(x, y, geometry_of(k), true);
  for (const KernelUse& use : kernel_report()) {
    if (use.kernel != "onednn") continue;
    EXPECT_EQ(use.reorders, 0) << use.operation;
    EXPECT_EQ(use.implementation.find("ref"), std::string::npos)
        << use.operation << " " << use.implementation;
  }
}

/// oneDNN bug 6035: such weight gradients wrote outside their buffers.
TEST(ConvKernels, KeepStridedPointwiseWeightGradientsFromOnednn) {
  for (const std::int64_t channels : {1, 3, 8, 15, 16})
    for (const std::int64_t padding : {0, 1})
      for (const std::int64_t stride : {2, 3}) {
        const ConvCase k{.n = 3,
                         .c = channels,
                         .h = 9,
                         .w = 8,
                         .co = 5,
                         .sh = stride,
                         .sw = 2,
                         .top = padding,
                         .bottom = padding};
        SCOPED_TRACE(k.text());
        Rng rng(3);
        const Tensor x = uniform(k.x_shape(), rng), dy = uniform(k.y_shape(), rng);
        const Tensor want =
            Tensor::from(k.weight_gradient(values(x), values(dy)), k.w_shape(), Dtype::f32);
        for (const auto& [name, x_in] : layouts(x)) {
          reset_kernel_report();
          EXPECT_TRUE(close(kernels::conv2d_weight_gradient(x_in, dy, geometry_of(k), false).dw,
                            want, kConvTolerance));
          EXPECT_EQ(use_of(kernel_report(), "conv2d_weight_gradient")->kernel,
                    padding > 0 ? "reference" : "onednn");
        }
      }
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
      {.n = 4,
       .c = 8,
       .h = 40,
       .w = 40,
       .co = 17,
       .kh = 5,
       .kw = 3,
       .sh = 2,
       .dh = 2,
       .dw = 2},  // by gemm
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
