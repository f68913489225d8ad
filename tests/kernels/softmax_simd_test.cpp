#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "../support/close.h"
#include "../support/simd.h"
#include "tenon/core/kernel_report.h"
#include "tenon/kernels/loss.h"
#include "tenon/kernels/reduce.h"
#include "tenon/kernels/simd/cross_entropy.h"
#include "tenon/kernels/simd/softmax.h"
#include "tenon/kernels/softmax.h"

namespace tenon {
namespace {

constexpr unsigned kSeed = 4711;

TEST(SoftmaxSimd, MatchesPlainDoubleLoops) {
  SCOPED_TRACE(kSeed);
  for_each_target([] {
    RandomCases random(kSeed);
    for (int i = 0; i < 120; ++i) {
      const Shape shape = random.shape(1, 4);
      const auto axis =
          static_cast<std::size_t>(random.number(0, static_cast<std::int64_t>(shape.rank()) - 1));
      const Tensor x = random.in_some_layout(random.values(shape, 3, 5));
      const Tensor dy = random.in_some_layout(random.values(shape));
      SCOPED_TRACE(to_string(shape) + " axis " + std::to_string(axis));
      const Tensor wide = as_f64(x), wide_dy = as_f64(dy);
      const Tensor y = kernels::softmax(x, axis), log_y = kernels::log_softmax(x, axis);
      const Tensor want = kernels::softmax(wide, axis), log_want = kernels::log_softmax(wide, axis);
      ASSERT_TRUE(close(y, as_f32(want)));
      ASSERT_TRUE(close(log_y, as_f32(log_want)));
      ASSERT_TRUE(close(kernels::softmax_gradient(dy, y, axis),
                        as_f32(kernels::softmax_gradient(wide_dy, want, axis))));
      ASSERT_TRUE(close(kernels::log_softmax_gradient(dy, log_y, axis),
                        as_f32(kernels::log_softmax_gradient(wide_dy, log_want, axis)),
                        {2e-5, 1e-5}));
      const auto along = static_cast<std::int64_t>(axis);
      ASSERT_TRUE(close(kernels::logsumexp(x, along, false),
                        as_f32(kernels::logsumexp(wide, along, false))));
    }
  });
}

TEST(SoftmaxSimd, NanAndInfinities) {
  for_each_target([] {
    for (const std::int64_t count : {2, 3, 17, 40})
      for (const Order order : {Order::rows, Order::batch_inner}) {
        // Five lines: with a NaN, with an infinity, with both, all -infinity, with one -infinity.
        Tensor wide = Tensor::zeros({5, count}, {.dtype = Dtype::f64});
        double* v = wide.mutable_data<double>();
        for (std::int64_t i = 0; i < 5 * count; ++i) v[i] = static_cast<double>(i % 7);
        v[0 * count + 1] = NAN;
        v[1 * count + 1] = HUGE_VAL;
        v[2 * count] = HUGE_VAL;
        v[2 * count + 1] = NAN;
        for (std::int64_t i = 0; i < count; ++i) v[3 * count + i] = -HUGE_VAL;
        v[4 * count] = -HUGE_VAL;
        const Tensor x = in_order(as_f32(wide), order);
        ASSERT_TRUE(close(kernels::softmax(x, 1), as_f32(kernels::softmax(wide, 1))));
        ASSERT_TRUE(close(kernels::log_softmax(x, 1), as_f32(kernels::log_softmax(wide, 1))));
        ASSERT_TRUE(
            close(kernels::logsumexp(x, 1, false), as_f32(kernels::logsumexp(wide, 1, false))));
      }
  });
}

TEST(CrossEntropySimd, MatchesPlainDoubleLoops) {
  SCOPED_TRACE(kSeed);
  for_each_target([] {
    RandomCases random(kSeed);
    for (int i = 0; i < 150; ++i) {
      Shape shape = random.shape(2, 4);
      const std::int64_t classes = shape[1];
      Shape samples = shape;
      samples.erase(1);
      std::vector<std::int64_t> labels(static_cast<std::size_t>(samples.numel()));
      for (std::int64_t& label : labels) label = random.number(-1, classes - 1);
      Tensor weight, wide_weight;
      if (i % 3 == 0) {
        weight = random.values({classes}, 2, 0.5);
        wide_weight = as_f64(weight);
      }
      const Tensor x = random.in_some_layout(random.values(shape, 0, 3));
      const Tensor scale = random.in_some_layout(random.values(samples));
      const Tensor label_tensor = Tensor::from(labels, samples);
      SCOPED_TRACE(to_string(shape));
      const double smoothing = i % 2 == 0 ? 0 : i % 7 == 0 ? 1 : 0.1;
      const kernels::ClassTargets targets{label_tensor, weight, -1, smoothing};
      const kernels::ClassTargets wide_targets{label_tensor, wide_weight, -1, smoothing};
      const auto got = kernels::cross_entropy(x, targets, 1, true, true);
      const auto want = kernels::cross_entropy(as_f64(x), wide_targets, 1, true, true);
      ASSERT_TRUE(close(got.losses, as_f32(want.losses)));
      ASSERT_TRUE(close(got.probabilities, as_f32(want.probabilities)));
      ASSERT_NEAR(got.total, want.total, 2e-5 * (1 + std::abs(want.total)));
      EXPECT_EQ(kernels::cross_entropy(x, targets, 1, false, false).total, got.total);
      const Tensor dx = kernels::cross_entropy_gradient(scale, got.probabilities, targets, 1, 0.5);
      ASSERT_TRUE(close(dx, as_f32(kernels::cross_entropy_gradient(
                                as_f64(scale), want.probabilities, wide_targets, 1, 0.5))));
      const Tensor one = Tensor::from({-3.0}, {}, Dtype::f64);
      ASSERT_TRUE(close(
          kernels::cross_entropy_gradient(as_f32(one), got.probabilities, targets, 1, 0.25),
          as_f32(kernels::cross_entropy_gradient(one, want.probabilities, wide_targets, 1, 0.25))));
    }
  });
}

TEST(CrossEntropySimd, TakesTheVectorKernelsWithoutCopies) {
  const Tensor x = in_order(RandomCases(1).values({16, 10}), Order::batch_inner);
  const kernels::ClassTargets targets{Tensor::zeros({16}, {.dtype = Dtype::i64}), {}, -100};
  reset_kernel_report();
  const auto got = kernels::cross_entropy(x, targets, 1, false, true);
  kernels::cross_entropy_gradient(Tensor::ones({}), got.probabilities, targets, 1);
  kernels::softmax(x, 1);
  for (const KernelUse& use : kernel_report()) {
    EXPECT_EQ(use.kernel, "simd") << use.operation;
    EXPECT_EQ(use.reorders, 0) << use.operation;
  }
}

TEST(CrossEntropySimd, NothingFlowsIntoIgnoredSamples) {
  for_each_target([] {
    for (const Order order : {Order::rows, Order::batch_inner}) {
      Tensor values = RandomCases(2).values({19, 7});
      for (int c = 0; c < 7; ++c) values.mutable_data<float>()[3 * 7 + c] = NAN;
      const Tensor x = in_order(values, order);
      std::vector<std::int64_t> labels(19, 2);
      labels[3] = -100;
      const kernels::ClassTargets targets{Tensor::from(labels, {19}), {}, -100};
      const auto got = kernels::cross_entropy(x, targets, 1, true, true);
      EXPECT_TRUE(std::isfinite(got.total));
      const Tensor dx =
          kernels::cross_entropy_gradient(Tensor::ones({}), got.probabilities, targets, 1);
      const auto slopes = dx.to_vector<float>();
      for (std::size_t i = 0; i < slopes.size(); ++i) {
        EXPECT_TRUE(std::isfinite(slopes[i]));
        if (i / 7 == 3) {
          EXPECT_EQ(slopes[i], 0);
        }
      }
    }
  });
}

TEST(SoftmaxSimd, SameBitsOnAnyNumberOfThreads) {
  RandomCases random(3);
  const Tensor x = random.values({300, 500}), dy = random.values({300, 500});
  const kernels::ClassTargets targets{Tensor::zeros({300}, {.dtype = Dtype::i64}), {}, -100};
  for (const Order order : {Order::rows, Order::batch_inner}) {
    std::vector<std::vector<float>> first;
    for_each_thread_count([&] {
      const Tensor logits = in_order(x, order);
      const Tensor y = kernels::softmax(logits, 1), log_y = kernels::log_softmax(logits, 1);
      const auto loss = kernels::cross_entropy(logits, targets, 1, true, true);
      const std::vector<std::vector<float>> all = {
          y.to_vector<float>(),
          log_y.to_vector<float>(),
          kernels::softmax_gradient(dy, y, 1).to_vector<float>(),
          kernels::log_softmax_gradient(dy, log_y, 1).to_vector<float>(),
          kernels::logsumexp(logits, 1, false).to_vector<float>(),
          loss.losses.to_vector<float>(),
          loss.probabilities.to_vector<float>(),
          {static_cast<float>(loss.total)},
          kernels::cross_entropy_gradient(Tensor::ones({}), loss.probabilities, targets, 1)
              .to_vector<float>()};
      if (first.empty()) first = all;
      EXPECT_EQ(all, first);
    });
  }
}

TEST(SoftmaxSimd, TouchesNothingBeyondTheEnds) {
  for_each_target([] {
    RandomCases random(4);
    for (std::int64_t count = 1; count <= 40; ++count)
      for (const std::int64_t inner : {std::int64_t{1}, count, std::int64_t{3}, std::int64_t{70}}) {
        const kernels::simd::SoftmaxLines lines{2, count, inner};
        const std::int64_t numel = 2 * count * inner, samples = 2 * inner;
        PageEnd x(random.floats(numel)), dy(random.floats(numel));
        PageEnd y(std::vector<float>(static_cast<std::size_t>(numel)));
        PageEnd dx(std::vector<float>(static_cast<std::size_t>(numel)));
        PageEnd line(std::vector<float>(static_cast<std::size_t>(samples)));
        PageEnd labels(std::vector<std::int64_t>(static_cast<std::size_t>(samples), count - 1));
        using namespace kernels::simd;
        softmax(lines, x.data(), 0, samples, y.data());
        softmax_gradient(lines, dy.data(), y.data(), 0, samples, dx.data());
        log_softmax(lines, x.data(), 0, samples, y.data());
        log_softmax_gradient(lines, dy.data(), y.data(), 0, samples, dx.data());
        logsumexp(lines, x.data(), 0, samples, line.data());
        const ClassLines classes{2, count, inner, labels.data(), nullptr, -100};
        cross_entropy(classes, x.data(), 0, samples, line.data(), y.data());
        cross_entropy_gradient(classes, y.data(), 0, samples, line.data(), false, dx.data());
        for (std::int64_t i = 0; i < numel; ++i) ASSERT_TRUE(std::isfinite(dx.data()[i]));
      }
  });
}

}  // namespace
}  // namespace tenon
