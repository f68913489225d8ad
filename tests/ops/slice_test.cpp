#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tests/ops/indexed.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<Dtype> kDtypes = {Dtype::f32, Dtype::f64, Dtype::i64, Dtype::u8};

bool shares(const Tensor& a, const Tensor& b) {
  return a.impl()->storage.get() == b.impl()->storage.get();
}

TEST(Slice, TakesPythonsBounds) {
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(counted({2, 7, 3}, dtype)))
      for (const std::int64_t start : {-100, -7, -3, 0, 2, 6, 7, 100})
        for (const std::int64_t stop : {-100, -7, -2, 0, 1, 5, 7, 100})
          for (const std::int64_t step : {1, 2, 3, 100}) {
            std::vector<std::int64_t> rows;  // what x[:, start:stop:step] takes
            const std::int64_t first = start < 0 ? std::max<std::int64_t>(start + 7, 0) : start;
            const std::int64_t end = stop < 0 ? stop + 7 : std::min<std::int64_t>(stop, 7);
            for (std::int64_t i = first; i < end; i += step) rows.push_back(i);
            const Tensor y = slice(x, 1, {start, stop, step});
            ASSERT_EQ(y.shape(), Shape({2, static_cast<std::int64_t>(rows.size()), 3}));
            ASSERT_TRUE(shares(x, y));
            ASSERT_TRUE(
                close(y, picked(x, y.shape(),
                                [&](const Index& i) {
                                  return Index{i[0], rows[static_cast<std::size_t>(i[1])], i[2]};
                                })))
                << name << " " << start << ":" << stop << ":" << step;
          }
}

TEST(Slice, ExtremeNumbers) {
  const Tensor x = counted({5});
  EXPECT_EQ(slice(x, 0, {INT64_MIN, INT64_MAX, INT64_MAX}).to_vector<double>(),
            std::vector<double>{1});
  EXPECT_EQ(slice(x, 0, {INT64_MAX, INT64_MIN, 1}).numel(), 0);
  EXPECT_EQ(slice(counted({0, 3}), 0, {0, 5}).shape(), Shape({0, 3}));
  EXPECT_EQ(slice(slice(x, 0, {1, 5, 2}), 0, {1}).to_vector<double>(), std::vector<double>{4});
}

TEST(Slice, WrongCallsSaySo) {
  EXPECT_THAT(message_of<ShapeError>([] {
                slice(counted({2, 3}), 0, {0, 2, 0});
              }),
              AllOf(HasSubstr("slice"), HasSubstr("step is 0"), HasSubstr("[2, 3]"),
                    HasSubstr("slice_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] {
                slice(counted({2, 3}), 0, {0, 2, -1});
              }),
              HasSubstr("flip"));
  EXPECT_THAT(message_of<ShapeError>([] { slice(counted({}), 0, {}); }), HasSubstr("scalar"));
}

TEST(Slice, Gradients) {
  expect_gradients(
      [](const Tensor& x) {
        return slice(x, 1, {1, -1, 2});
      },
      counted({2, 6, 2}) * 0.1);
  expect_gradients([](const Tensor& x) { return slice(x, 0, {1, 2}); }, counted({3, 2, 2}) * 0.1);
  expect_gradients(
      [](const Tensor& x) {
        return sum(x) + sum(slice(x, 0, {3, 1}));
      },
      counted({3, 2, 2}) * 0.1);
}

TEST(Select, DropsAnAxis) {
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(counted({2, 3, 4}, dtype))) {
      const Tensor y = select(x, 1, -1);
      EXPECT_EQ(y.shape(), Shape({2, 4}));
      EXPECT_TRUE(shares(x, y));
      EXPECT_TRUE(close(y, picked(x, y.shape(),
                                  [](const Index& i) {
                                    return Index{i[0], 2, i[1]};
                                  })))
          << name;
      EXPECT_TRUE(close(x[1], picked(x, {3, 4},
                                     [](const Index& i) {
                                       return Index{1, i[0], i[1]};
                                     })))
          << name;
      EXPECT_TRUE(close(x[-2][0], picked(x, {4},
                                         [](const Index& i) {
                                           return Index{0, 0, i[0]};
                                         })))
          << name;
    }
  EXPECT_EQ(counted({3})[2].item<double>(), 3);
  EXPECT_EQ(select(counted({3, 0}), 0, 1).shape(), Shape({0}));
}

TEST(Select, WrongIndicesSaySo) {
  const Tensor x = counted({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { select(x, 1, 3); }),
              AllOf(HasSubstr("select: index 3"), HasSubstr("size 3"), HasSubstr("[2, 3]"),
                    HasSubstr("slice_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { select(x, 1, -4); }), HasSubstr("-4"));
  EXPECT_THAT(message_of<ShapeError>([&] { x[2]; }),
              AllOf(HasSubstr("x[i]: index 2"), HasSubstr("slice_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] { counted({})[0]; }), HasSubstr("scalar"));
  EXPECT_THAT(message_of<ShapeError>([] { counted({0})[0]; }), HasSubstr("size 0"));
}

TEST(Select, Gradients) {
  expect_gradients([](const Tensor& x) { return select(x, 1, 1); }, counted({2, 3, 2}) * 0.1);
  expect_gradients([](const Tensor& x) { return x[-1] * x[0]; }, counted({2, 3, 2}) * 0.1);
}

TEST(Split, CutsAnAxis) {
  for (const auto& [name, x] : layouts(counted({2, 7, 3}))) {
    const std::vector<Tensor> parts = split(x, 3, 1);
    ASSERT_EQ(parts.size(), 3u);
    for (std::int64_t p = 0; p < 3; ++p) {
      const Tensor& part = parts[static_cast<std::size_t>(p)];
      EXPECT_EQ(part.shape(), Shape({2, p == 2 ? 1 : 3, 3}));
      EXPECT_TRUE(shares(x, part));
      EXPECT_TRUE(close(part, picked(x, part.shape(),
                                     [&](const Index& i) {
                                       return Index{i[0], i[1] + 3 * p, i[2]};
                                     })))
          << name;
    }
  }
  EXPECT_EQ(split(counted({4}), 4).size(), 1u);
  EXPECT_EQ(split(counted({4}), INT64_MAX).size(), 1u);
  EXPECT_EQ(split(counted({0, 2}), 3).size(), 1u);
  EXPECT_THAT(message_of<ShapeError>([] { split(counted({4}), 0); }),
              AllOf(HasSubstr("split"), HasSubstr("0"), HasSubstr("slice_test.cpp")));
}

TEST(Split, Gradients) {
  expect_gradients(
      [](const Tensor& x) {
        const std::vector<Tensor> parts = split(x, 2, 1);
        return parts[0] * parts[2] + sum(parts[2]);  // the middle part is not used
      },
      counted({2, 6, 2}) * 0.1);
  expect_gradients([](const Tensor& x) { return split(x, 2)[1]; }, counted({3, 2, 2}) * 0.1);
}

}  // namespace
}  // namespace tenon
