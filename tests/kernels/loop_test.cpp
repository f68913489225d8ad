#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random.h"
#include "tenon/core/strided_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/loop_internal.h"

namespace tenon::kernels {
namespace {

constexpr std::int64_t kOneBlock = std::numeric_limits<std::int64_t>::max();

/// The offsets of all operands for each element, in the order of the visits.
std::vector<std::vector<std::int64_t>> visits(const Loop& loop, std::int64_t grain) {
  std::vector<std::vector<std::int64_t>> all;
  for_each_run(loop, grain, [&](const Run& run) {
    for (std::int64_t i = 0; i < run.count; ++i) {
      std::vector<std::int64_t> offsets;
      for (std::size_t k = 0; k < loop.operands; ++k)
        offsets.push_back(run.offset[k] + i * run.stride[k]);
      all.push_back(offsets);
    }
  });
  return all;
}

/// The same for every logical index, by one plain loop an axis.
std::vector<std::vector<std::int64_t>> expected(const Shape& shape,
                                                const std::vector<Strides>& strides) {
  std::vector<std::vector<std::int64_t>> all;
  for_each_offset(shape, contiguous_strides(shape), [&](std::int64_t row_major) {
    std::vector<std::int64_t> offsets(strides.size(), 0);
    for (std::size_t axis = shape.rank(); axis-- > 0;) {
      const std::int64_t index = row_major % shape[axis];
      row_major /= shape[axis];
      for (std::size_t k = 0; k < strides.size(); ++k) offsets[k] += index * strides[k][axis];
    }
    all.push_back(offsets);
  });
  return all;
}

TEST(Loop, MergesWhatAllOperandsWalkAsOne) {
  const Shape shape{2, 3, 4, 5};
  const Strides rows = contiguous_strides(shape);
  const Loop loop = make_loop(shape, {&rows, &rows});
  EXPECT_EQ(loop.rank, 1u);
  EXPECT_EQ(loop.sizes[0], 120);
  EXPECT_EQ(loop.strides[0][0], 1);
  EXPECT_EQ(loop.strides[1][0], 1);

  const Strides last = strides_in_order(shape, Order::channels_last);
  const Loop same_order = make_loop(shape, {&last, &last});
  EXPECT_EQ(same_order.rank, 1u);

  const Loop transposing = make_loop(shape, {&last, &rows});  // N, H W, C
  ASSERT_EQ(transposing.rank, 3u);
  EXPECT_EQ(transposing.sizes[1], 20);
  EXPECT_EQ(transposing.sizes[2], 3);
  EXPECT_EQ(transposing.strides[0][2], 1);
  EXPECT_EQ(transposing.strides[1][2], 20);
}

TEST(Loop, KeepsRepeatedAxesApart) {
  const Shape shape{4, 6};
  const Strides y = contiguous_strides(shape), row{0, 1}, column{1, 0}, number{0, 0};
  const Loop loop = make_loop(shape, {&y, &row, &column, &number});
  ASSERT_EQ(loop.rank, 2u);
  EXPECT_EQ(loop.strides[1][0], 0);
  EXPECT_EQ(loop.strides[2][1], 0);
  EXPECT_EQ(make_loop(shape, {&y, &number}).rank, 1u);
}

TEST(Loop, VisitsEveryElementOnceForAnyStridesAndGrain) {
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    const std::size_t rank = rng.below(6);
    Shape shape = Shape::filled(rank, 1);
    for (std::size_t axis = 0; axis < rank; ++axis)
      shape[axis] = static_cast<std::int64_t>(1 + rng.below(4));
    std::vector<Strides> strides(4, Shape::filled(rank, 0));
    // The output in a random order of its axes, with gaps; the inputs with any strides, 0 among
    // them.
    std::vector<std::size_t> axes(rank);
    std::iota(axes.begin(), axes.end(), 0);
    for (std::size_t i = rank; i > 1; --i) std::swap(axes[i - 1], axes[rng.below(i)]);
    std::int64_t step = static_cast<std::int64_t>(1 + rng.below(2));
    for (const std::size_t axis : axes) {
      strides[0][axis] = step;
      step *= shape[axis];
      for (std::size_t k = 1; k < 4; ++k)
        strides[k][axis] = static_cast<std::int64_t>(rng.below(5));
    }
    auto want = expected(shape, strides);
    const Loop loop = make_loop(shape, {&strides[0], &strides[1], &strides[2], &strides[3]});
    auto got = visits(loop, kOneBlock);
    std::sort(want.begin(), want.end());
    EXPECT_TRUE(std::is_sorted(got.begin(), got.end(),
                               [](const auto& a, const auto& b) { return a[0] < b[0]; }))
        << "the output is not written from its first element to its last: round " << round;
    std::sort(got.begin(), got.end());
    ASSERT_EQ(got, want) << "round " << round << ", shape " << to_string(shape);

    set_num_threads(1);
    for (const std::int64_t grain : {1, 3, 7}) {
      auto cut = visits(loop, grain);
      std::sort(cut.begin(), cut.end());
      ASSERT_EQ(cut, want) << "grain " << grain << ", round " << round;
    }
    set_num_threads(2);
  }
}

TEST(Loop, CutsIntoTheSameRunsWhateverTheThreads) {
  const Shape shape{37, 11};
  const Strides y = contiguous_strides(shape), x{1, 37};
  const Loop loop = make_loop(shape, {&y, &x});
  const auto runs = [&](int threads) {
    set_num_threads(threads);
    std::vector<std::int64_t> length_at(407,
                                        0);  // by the first output element: no two runs share one
    for_each_run(loop, 64, [&](const kernels::Run& run) {
      length_at[static_cast<std::size_t>(run.offset[0])] = run.count;
    });
    return length_at;
  };
  const auto one = runs(1);
  EXPECT_EQ(std::accumulate(one.begin(), one.end(), std::int64_t{0}), 407);
  EXPECT_EQ(runs(2), one);
  EXPECT_EQ(runs(7), one);
  set_num_threads(2);
}

TEST(Loop, HasNoRunsWithoutElementsAndOneForAScalar) {
  const Shape empty{3, 0, 2};
  const Strides strides = contiguous_strides(empty);
  for_each_run(make_loop(empty, {&strides, &strides}), 1,
               [](const kernels::Run&) { ADD_FAILURE(); });

  const Shape scalar, ones{1, 1};
  const Strides none_at_all, any{7, 9};
  EXPECT_EQ(visits(make_loop(scalar, {&none_at_all}), 1),
            (std::vector<std::vector<std::int64_t>>{{0}}));
  EXPECT_EQ(visits(make_loop(ones, {&any, &any}), 1),
            (std::vector<std::vector<std::int64_t>>{{0, 0}}));
}

TEST(Loop, TakesTensorsThatBroadcastAndNumbers) {
  const Tensor y = make_tensor({2, 3}, Dtype::f32), row = make_tensor({3}, Dtype::f32);
  const Tensor column = make_tensor({2, 1}, Dtype::f32), one = make_tensor({1, 1}, Dtype::f32);
  EXPECT_EQ(
      visits(make_loop(y, {&row, &column, nullptr}), kOneBlock),
      (std::vector<std::vector<std::int64_t>>{
          {0, 0, 0, 0}, {1, 1, 0, 0}, {2, 2, 0, 0}, {3, 0, 1, 0}, {4, 1, 1, 0}, {5, 2, 1, 0}}));
  const Loop loop = make_loop(y, {&y, &one});
  EXPECT_EQ(loop.rank, 1u);
  EXPECT_EQ(loop.strides[2][0], 0);
}

TEST(Loop, IsNotFooledByAnOutputThatRepeatsItself) {
  // Its elements span as much memory as a dense tensor of its size would.
  const Tensor y = make_view(make_tensor({4}, Dtype::f32), {2, 2}, {3, 0}, 0);
  EXPECT_EQ(visits(make_loop(y, {&y}), kOneBlock),
            (std::vector<std::vector<std::int64_t>>{{0, 0}, {0, 0}, {3, 3}, {3, 3}}));
}

TEST(Loop, BroadcastsShapes) {
  EXPECT_EQ(broadcast_shape({2, 3}, {3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast_shape({3}, {2, 1}), (Shape{2, 3}));
  EXPECT_EQ(broadcast_shape({}, {2, 0}), (Shape{2, 0}));
  EXPECT_EQ(broadcast_shape({1, 0}, {4, 1}), (Shape{4, 0}));
  EXPECT_EQ(broadcast_strides({2, 1}, {5, 9}, {4, 2, 3}), (Shape{0, 5, 0}));
}

TEST(Loop, GrainsAreMultiplesOfACacheLine) {
  EXPECT_EQ(grain_for(1.0), 19968);
  EXPECT_EQ(grain_for(1e9), 64);
}

}  // namespace
}  // namespace tenon::kernels
