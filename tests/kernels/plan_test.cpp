#include "tenon/kernels/onednn/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <thread>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/ops/conv2d.h"
#include "tenon/ops/pool2d.h"
#include "tenon/ops/reduce.h"

namespace tenon::kernels::onednn {
namespace {

Tensor uniform(const Shape& shape, Rng& rng) {
  return Tensor::uniform(shape, rng, {.low = -1, .high = 1});
}

/// A step of a small net: forward and backward.
std::vector<Tensor> step(const Tensor& x, const std::vector<Tensor>& weights) {
  Tensor y = avg_pool2d(conv2d(x, weights[0], weights[1], {.activation = Activation::tanh}), 2);
  y = conv2d(y, weights[2], {}, {.padding = Padding::same});
  return gradients(sum(y), weights);
}

TEST(Plan, MakesNoPrimitiveInASecondIdenticalStep) {
  Rng rng(1);
  const Tensor x = uniform({2, 16, 20, 20}, rng);
  const std::vector<Tensor> weights{uniform({20, 16, 5, 5}, rng).set_requires_grad(),
                                    uniform({20}, rng).set_requires_grad(),
                                    uniform({16, 20, 3, 3}, rng).set_requires_grad()};
  const std::vector<Tensor> first = step(x, weights);
  const std::int64_t after_first = plan_counters().primitives_created;
  EXPECT_GT(after_first, 0);
  const std::vector<Tensor> second = step(x, weights);
  EXPECT_EQ(plan_counters().primitives_created, after_first);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(close(first[i], second[i], {0, 0}));
}

TEST(Plan, PacksWeightsAgainAfterTheyWereWritten) {
  Rng rng(2);
  const Tensor x = in_order(uniform({2, 16, 8, 8}, rng), Order::channels_last);
  Tensor w = uniform({32, 16, 3, 3}, rng);
  const Tensor w_new = uniform({32, 16, 3, 3}, rng);
  const Tensor want_old = tenon::conv2d(x.to(Dtype::f64), w.to(Dtype::f64)).to(Dtype::f32);
  const Tensor want_new = tenon::conv2d(x.to(Dtype::f64), w_new.to(Dtype::f64)).to(Dtype::f32);

  EXPECT_TRUE(close(tenon::conv2d(x, w), want_old, {1e-5, 1e-5}));
  const std::int64_t packed = plan_counters().weights_packed;
  EXPECT_TRUE(close(tenon::conv2d(x, w), want_old, {1e-5, 1e-5}));
  EXPECT_EQ(plan_counters().weights_packed, packed) << "unchanged weights stay packed";
  w.copy_from(w_new);
  EXPECT_TRUE(close(tenon::conv2d(x, w), want_new, {1e-5, 1e-5}));
  EXPECT_EQ(plan_counters().weights_packed, packed + 1);
  w.mutable_data<float>()[0] += 1;
  const Tensor once_more = tenon::conv2d(x.to(Dtype::f64), w.to(Dtype::f64)).to(Dtype::f32);
  EXPECT_TRUE(close(tenon::conv2d(x, w), once_more, {1e-5, 1e-5}));
}

/// Layers of one geometry share a plan; each keeps its packed weights, up to a limit.
TEST(Plan, KeepsTheWeightsOfSeveralLayersPacked) {
  Rng rng(3);
  const Tensor x = in_order(uniform({1, 16, 6, 6}, rng), Order::channels_last);
  const Tensor both = uniform({2 * 32, 16, 3, 3}, rng);
  std::vector<Tensor> layers;
  for (std::int64_t i = 0; i < 2; ++i)  // two halves of one storage
    layers.push_back(make_view(both, {32, 16, 3, 3}, both.strides(), i * 32 * 16 * 9));
  for (int i = 0; i < 4; ++i) layers.push_back(uniform({32, 16, 3, 3}, rng));
  std::vector<Tensor> want;
  for (const Tensor& w : layers)
    want.push_back(tenon::conv2d(x.to(Dtype::f64), w.to(Dtype::f64)).to(Dtype::f32));
  for (const Tensor& w : layers) tenon::conv2d(x, w);
  const PlanCounters before = plan_counters();
  for (int round = 0; round < 3; ++round)
    for (std::size_t i = 0; i < layers.size(); ++i)
      EXPECT_TRUE(close(tenon::conv2d(x, layers[i]), want[i], {1e-5, 2e-5}));
  EXPECT_EQ(plan_counters().weights_packed, before.weights_packed);
  EXPECT_EQ(plan_counters().primitives_created, before.primitives_created);
  for (int i = 0; i < 40; ++i) {  // more weights than are kept
    const Tensor w = uniform({32, 16, 3, 3}, rng);
    EXPECT_TRUE(close(tenon::conv2d(x, w),
                      tenon::conv2d(x.to(Dtype::f64), w.to(Dtype::f64)).to(Dtype::f32),
                      {1e-5, 2e-5}));
  }
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(Plan, MemoryStaysFlatOverManyShapes) {
  Rng rng(4);
  Tensor w = uniform({16, 16, 3, 3}, rng).set_requires_grad();
  [[maybe_unused]] std::int64_t halfway = 0;
  for (std::int64_t i = 0; i < 600; ++i) {
    if (i == 300) halfway = resident_bytes();
    gradients(sum(conv2d(Tensor::ones({1, 16, 5 + i % 24, 6 + i / 24}), w)), {w});
  }
  EXPECT_LE(plan_counters().live_plans, static_cast<std::int64_t>(kMaxPlans));
#ifndef TENON_SANITIZE  // AddressSanitizer holds on to freed memory
  EXPECT_LT(resident_bytes() - halfway, std::int64_t{24} << 20);
#endif
}

TEST(Plan, EachThreadHasItsOwnUntilItEnds) {
  Rng rng(5);
  const Tensor x = uniform({1, 16, 7, 9}, rng), w = uniform({16, 16, 3, 3}, rng);
  const Tensor here = tenon::conv2d(x, w);
  const std::int64_t before = plan_counters().live_plans;
  Tensor there;
  std::int64_t during = 0;
  std::thread([&] {
    there = tenon::conv2d(x, w);
    during = plan_counters().live_plans;
  }).join();
  EXPECT_EQ(during, before + 1);
  EXPECT_EQ(plan_counters().live_plans, before);
  EXPECT_TRUE(close(there, here, {0, 0}));
}

TEST(Plan, IsEmptyForWhatOnednnCannotDo) {
  int asked = 0;
  const auto recipe = [&]() -> PlanRecipe {
    ++asked;
    // Pooling windows of another dtype on each side: there is no implementation.
    const dnnl::memory::desc x({1, 1, 4, 4}, dnnl::memory::data_type::f32,
                               dnnl::memory::format_tag::nhwc);
    const dnnl::memory::desc y({1, 1, 2, 2}, dnnl::memory::data_type::s8,
                               dnnl::memory::format_tag::nhwc);
    return {dnnl::pooling_forward::primitive_desc(engine(), dnnl::prop_kind::forward_training,
                                                  dnnl::algorithm::pooling_max, x, y, {2, 2},
                                                  {2, 2}, {0, 0}, {0, 0}, {0, 0}, attributes()),
            {}};
  };
  const PlanKey key = PlanKey(PlanKind::convolution).add(std::int64_t{-77});
  EXPECT_FALSE(plan_for(key, Work::small, recipe));
  EXPECT_FALSE(plan_for(key, Work::small, recipe));
  EXPECT_EQ(asked, 1);
}

TEST(Plan, KeysCompareAllOfTheirNumbers) {
  const auto key = [] { return PlanKey(PlanKind::matmul).add(Shape{2, 3}).add(std::int64_t{5}); };
  EXPECT_EQ(key(), key());
  EXPECT_EQ(key().hash(), key().hash());
  EXPECT_FALSE(key() == key().add(std::int64_t{0}));
  EXPECT_FALSE(key() == PlanKey(PlanKind::convolution).add(Shape{2, 3}).add(std::int64_t{5}));
  EXPECT_FALSE(PlanKey(PlanKind::matmul).add(Shape{2}).add(Shape{3}) ==
               PlanKey(PlanKind::matmul).add(Shape{2, 3}));
  EXPECT_NE(PlanKey(PlanKind::matmul).add(Shape{2, 3}).hash(),
            PlanKey(PlanKind::matmul).add(Shape{3, 2}).hash());
}

}  // namespace
}  // namespace tenon::kernels::onednn
