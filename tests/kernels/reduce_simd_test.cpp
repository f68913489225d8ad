#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "../support/close.h"
#include "../support/simd.h"
#include "tenon/core/kernel_report.h"
#include "tenon/kernels/reduce.h"
#include "tenon/kernels/simd/reduce.h"

namespace tenon {
namespace {

constexpr unsigned kSeed = 815;

std::vector<std::int64_t> random_axes(RandomCases& random, std::size_t rank) {
  std::vector<std::int64_t> axes;
  while (axes.empty())
    for (std::size_t axis = 0; axis < rank; ++axis)
      if (random.number(0, 1) == 1) axes.push_back(static_cast<std::int64_t>(axis));
  return axes;
}

TEST(ReduceSimd, MatchesPlainDoubleLoops) {
  SCOPED_TRACE(kSeed);
  for_each_target([] {
    RandomCases random(kSeed);
    for (int i = 0; i < 200; ++i) {
      const Shape shape = random.shape(1, 4);
      const Axes axes(random_axes(random, shape.rank()));
      const bool keepdim = random.number(0, 1) == 1;
      // Sums of numbers around 3 do not cancel: 16 terms in f32 cost two digits less than grants.
      const Tensor x = random.in_some_layout(random.values(shape, 3)), wide = as_f64(x);
      SCOPED_TRACE(to_string(shape) + ", " + std::to_string(i));
      constexpr Tolerance kClose{1e-6, 0};
      ASSERT_TRUE(
          close(kernels::sum(x, axes, keepdim), as_f32(kernels::sum(wide, axes, keepdim)), kClose));
      ASSERT_TRUE(close(kernels::mean(x, axes, keepdim), as_f32(kernels::mean(wide, axes, keepdim)),
                        kClose));
      ASSERT_TRUE(
          close(kernels::max(x, axes, keepdim), as_f32(kernels::max(wide, axes, keepdim)), {0, 0}));
      ASSERT_TRUE(
          close(kernels::min(x, axes, keepdim), as_f32(kernels::min(wide, axes, keepdim)), {0, 0}));
    }
  });
}

TEST(ReduceSimd, KeepsTheDigitsOfLongSums) {
  const std::vector<double> ones(3'000'000, 0.1f);
  const Tensor x = Tensor::from(ones, {3000, 1000}, Dtype::f32);
  const double term = static_cast<double>(0.1f);
  for_each_target([&] {
    EXPECT_NEAR(kernels::sum(x, {}, false).item<double>(), 3e6 * term, 0.1);
    for (const double total : kernels::sum(x, 0, false).to_vector<double>())
      ASSERT_NEAR(total, 3000 * term, 1e-4);
    for (const double total : kernels::sum(x, 1, false).to_vector<double>())
      ASSERT_NEAR(total, 1000 * term, 4e-5);
  });
}

TEST(ReduceSimd, ANanWins) {
  for_each_target([] {
    for (std::int64_t place = 0; place < 45; ++place)
      for (const Order order : {Order::rows, Order::batch_inner}) {
        std::vector<double> values(45 * 9, -2.0);
        values[static_cast<std::size_t>(4 * 45 + place)] = NAN;
        values[static_cast<std::size_t>(5 * 45 + place)] = -HUGE_VAL;
        values[static_cast<std::size_t>(6 * 45 + place)] = HUGE_VAL;
        const Tensor x = in_order(Tensor::from(values, {9, 45}, Dtype::f32), order);
        for (const bool is_max : {true, false}) {
          const auto extreme = is_max ? kernels::max(x, 1, false) : kernels::min(x, 1, false);
          const auto found = extreme.to_vector<double>();
          for (std::size_t row = 0; row < 9; ++row) {
            if (row == 4)
              ASSERT_TRUE(std::isnan(found[row]));
            else
              ASSERT_EQ(found[row], row == 5 && !is_max  ? -HUGE_VAL
                                    : row == 6 && is_max ? HUGE_VAL
                                                         : -2.0);
          }
          const auto of_all = is_max ? kernels::max(x, {}, false) : kernels::min(x, {}, false);
          ASSERT_TRUE(std::isnan(of_all.item<double>()));
          const auto across = is_max ? kernels::max(x, 0, false) : kernels::min(x, 0, false);
          ASSERT_TRUE(std::isnan(across.to_vector<double>()[static_cast<std::size_t>(place)]));
        }
      }
  });
}

TEST(ReduceSimd, TakesTheVectorKernelsWithoutCopies) {
  RandomCases random(1);
  const Tensor images = random.values({16, 6, 24, 24}), rows = random.values({16, 120});
  const auto expect = [](const char* kernel) {
    for (const KernelUse& use : kernel_report()) {
      EXPECT_EQ(use.kernel, kernel) << use.operation;
      EXPECT_EQ(use.reorders, 0);
    }
    reset_kernel_report();
  };
  reset_kernel_report();
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
    kernels::sum(in_order(images, order), Axes{0, 2, 3}, false);
    reset_kernel_report();
    const Tensor x = in_order(images, order),
                 y = in_order(rows, order == Order::channels_last ? Order::rows : order);
    reset_kernel_report();
    if (order != Order::channels_last) kernels::sum(x, Axes{0, 2, 3}, false);
    kernels::sum(y, 0, false);
    kernels::max(y, 1, false);
    kernels::mean(y, {}, false);
    expect("simd");
  }
  const Tensor x = sliced(rows), wide = as_f64(rows);
  reset_kernel_report();
  kernels::sum(x, 1, false);
  kernels::sum(wide, 0, false);
  expect("reference");
}

TEST(ReduceSimd, SameBitsOnAnyNumberOfThreads) {
  RandomCases random(2);
  const Tensor x = random.values({700, 900}), y = random.values({64, 30, 17, 19});
  for (const Order order : {Order::rows, Order::batch_inner}) {
    std::vector<std::vector<float>> first;
    for_each_thread_count([&] {
      const Tensor a = in_order(x, order), b = in_order(y, order);
      const std::vector<std::vector<float>> all = {
          kernels::sum(a, 0, false).to_vector<float>(),
          kernels::sum(a, 1, false).to_vector<float>(),
          kernels::sum(a, {}, false).to_vector<float>(),
          kernels::mean(b, Axes{0, 2, 3}, false).to_vector<float>(),
          kernels::sum(b, 1, false).to_vector<float>(),
          kernels::max(b, Axes{0, 3}, false).to_vector<float>()};
      if (first.empty()) first = all;
      EXPECT_EQ(all, first);
    });
  }
}

TEST(ReduceSimd, ReadsNothingBeyondTheEnd) {
  for_each_target([] {
    RandomCases random(3);
    for (std::int64_t rows = 1; rows <= 20; ++rows)
      for (std::int64_t columns = 1; columns <= 40; ++columns) {
        const Shape shape = {rows, columns};
        PageEnd x(random.floats(rows * columns));
        const Tensor like = Tensor::zeros(shape);
        for (const std::int64_t axis : {0, 1}) {
          const auto plan = kernels::reference::reduce_plan(like, axis, false);
          if (!kernels::simd::takes(plan)) continue;
          const std::int64_t kept = plan.kept.numel(), reduced = plan.reduced.numel();
          PageEnd<double> sums(std::vector<double>(static_cast<std::size_t>(kept), NAN));
          PageEnd values(std::vector<float>(static_cast<std::size_t>(kept), NAN));
          kernels::simd::sum(plan, x.data(), 0, kept, 0, reduced, sums.data());
          kernels::simd::extreme(plan, kernels::simd::Extreme::least, x.data(), 0, kept, 0, reduced,
                                 values.data());
          for (std::int64_t i = 0; i < kept; ++i)
            ASSERT_TRUE(std::isfinite(sums.data()[i]) && std::isfinite(values.data()[i]));
        }
      }
  });
}

}  // namespace
}  // namespace tenon
