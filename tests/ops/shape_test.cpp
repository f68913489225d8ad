#include "tenon/ops/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenon/autograd/backward.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"
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

TEST(Reshape, KeepsTheRowMajorSequence) {
  for (const Dtype dtype : kDtypes)
    for (const Shape& from : {Shape{2, 3, 4, 5}, Shape{1, 6, 1, 20}, Shape{120}})
      for (const auto& [name, x] : layouts(counted(from, dtype)))
        for (const Shape& to :
             {Shape{120}, Shape{6, 20}, Shape{2, 60}, Shape{2, 3, 20}, Shape{24, 5},
              Shape{3, 2, 5, 4}, Shape{1, 120, 1}, Shape{2, 3, 4, 5}, Shape{5, 1, 24}}) {
          const Tensor y = reshape(x, to);
          EXPECT_EQ(y.shape(), to);
          EXPECT_EQ(y.dtype(), dtype);
          EXPECT_EQ(y.to_vector<double>(), x.to_vector<double>())
              << name << " to " << to_string(to);
        }
}

TEST(Reshape, IsAViewWhereStridesAllowIt) {
  const Tensor rows = counted({2, 3, 4, 5});
  EXPECT_TRUE(shares(rows, reshape(rows, {6, 20})));
  const Tensor batch_inner = in_order(rows, Order::batch_inner);
  const Tensor flat = reshape(batch_inner, {2, 60});
  EXPECT_TRUE(shares(batch_inner, flat));
  EXPECT_TRUE(has_order(flat, Order::batch_inner));
  EXPECT_TRUE(shares(batch_inner, reshape(flat, {2, 3, 4, 5})));
  EXPECT_TRUE(has_order(reshape(flat, {2, 3, 4, 5}), Order::batch_inner));
  const Tensor channels_last = in_order(rows, Order::channels_last);
  EXPECT_TRUE(shares(channels_last, reshape(channels_last, {2, 3, 20})));
  EXPECT_TRUE(shares(channels_last, reshape(channels_last, {2, 3, 2, 2, 5})));
  EXPECT_FALSE(shares(channels_last, reshape(channels_last, {2, 60})));
  EXPECT_FALSE(shares(batch_inner, reshape(batch_inner, {120})));
  EXPECT_TRUE(reshape(batch_inner, {120}).is_contiguous());
  const Tensor repeated = expand(counted({1, 3}), {4, 3});
  EXPECT_TRUE(shares(repeated, reshape(repeated, {2, 2, 3})));
  EXPECT_EQ(reshape(repeated, {12}).to_vector<double>(), repeated.to_vector<double>());
}

TEST(Reshape, WorksOutOneSize) {
  const Tensor x = counted({2, 3, 4});
  EXPECT_EQ(reshape(x, {-1}).shape(), Shape({24}));
  EXPECT_EQ(reshape(x, {4, -1}).shape(), Shape({4, 6}));
  EXPECT_EQ(reshape(x, {-1, 1, 24}).shape(), Shape({1, 1, 24}));
  EXPECT_EQ(reshape(counted({0, 3}), {-1, 5}).shape(), Shape({0, 5}));
  EXPECT_EQ(reshape(counted({1}), {}).shape(), Shape({}));
  EXPECT_EQ(reshape(counted({}), {1, -1}).shape(), Shape({1, 1}));
  EXPECT_EQ(reshape(counted({0, 3}), {7, 0, 2}).shape(), Shape({7, 0, 2}));
}

TEST(Reshape, WrongShapesSaySo) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] {
                reshape(x, {4, -1});
              }),
              AllOf(HasSubstr("reshape"), HasSubstr("[2, 3]"), HasSubstr("[4, -1]"),
                    HasSubstr("shape_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { reshape(x, {7}); }),
              AllOf(HasSubstr("6 elements"), HasSubstr("[7]")));
  EXPECT_THAT(message_of<ShapeError>([&] { reshape(x, {-1, -1}); }), HasSubstr("more than one -1"));
  EXPECT_THAT(message_of<ShapeError>([&] { reshape(x, {-2, 3}); }), HasSubstr("-2"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                reshape(counted({0, 3}), {0, -1});
              }),
              HasSubstr("any size"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                reshape(x, {INT64_MAX, INT64_MAX});
              }),
              HasSubstr("9223372036854775807"));
  EXPECT_THAT(message_of<ShapeError>([&] { reshape(Tensor(), {1}); }), HasSubstr("undefined"));
}

TEST(Reshape, Gradients) {
  expect_gradients([](const Tensor& x) { return reshape(x, {4, -1}); }, counted({2, 3, 4}) * 0.1);
  expect_gradients([](const Tensor& x) { return flatten(x, 1); }, counted({2, 3, 2, 2}) * 0.1);
}

TEST(Flatten, JoinsAxes) {
  for (const auto& [name, x] : layouts(counted({2, 3, 4, 5}))) {
    EXPECT_EQ(flatten(x).shape(), Shape({120}));
    EXPECT_EQ(flatten(x, 1).shape(), Shape({2, 60}));
    EXPECT_EQ(flatten(x, 1, 2).shape(), Shape({2, 12, 5}));
    EXPECT_EQ(flatten(x, -3, -2).shape(), Shape({2, 12, 5}));
    EXPECT_EQ(flatten(x, 2, 2).shape(), x.shape());
    EXPECT_EQ(flatten(x, 1, 2).to_vector<double>(), x.to_vector<double>()) << name;
  }
  EXPECT_EQ(flatten(counted({})).shape(), Shape({1}));
  EXPECT_EQ(flatten(counted({2, 0, 3}), 1).shape(), Shape({2, 0}));
  EXPECT_THAT(message_of<ShapeError>([] {
                flatten(counted({2, 3}), 1, 0);
              }),
              AllOf(HasSubstr("flatten"), HasSubstr("[2, 3]"), HasSubstr("shape_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] { flatten(counted({2, 3}), 2); }), HasSubstr("no axis 2"));
}

TEST(Transpose, SwapsTwoAxes) {
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(counted({2, 1, 3, 5}, dtype))) {
      const Tensor y = transpose(x, -1, 0);
      EXPECT_EQ(y.shape(), Shape({5, 1, 3, 2}));
      EXPECT_TRUE(shares(x, y));
      EXPECT_TRUE(close(y, picked(x, y.shape(),
                                  [](const Index& i) {
                                    return Index{i[3], i[1], i[2], i[0]};
                                  })))
          << name;
    }
  EXPECT_EQ(transpose(counted({0, 2}), 0, 1).shape(), Shape({2, 0}));
  EXPECT_THAT(message_of<ShapeError>([] {
                transpose(counted({2, 3}), 0, 2);
              }),
              AllOf(HasSubstr("transpose"), HasSubstr("no axis 2"), HasSubstr("shape_test.cpp")));
  expect_gradients([](const Tensor& x) { return transpose(x, 0, 2); }, counted({2, 3, 2}) * 0.1);
}

TEST(Permute, ReordersAxes) {
  for (const auto& [name, x] : layouts(counted({2, 3, 4, 5}))) {
    const Tensor y = permute(x, {2, 0, -1, 1});
    EXPECT_EQ(y.shape(), Shape({4, 2, 5, 3}));
    EXPECT_TRUE(shares(x, y));
    EXPECT_TRUE(close(y, picked(x, y.shape(),
                                [](const Index& i) {
                                  return Index{i[1], i[3], i[0], i[2]};
                                })))
        << name;
  }
  EXPECT_EQ(permute(counted({}), {}).shape(), Shape({}));
  EXPECT_THAT(message_of<ShapeError>([] {
                permute(counted({2, 3}), {0});
              }),
              AllOf(HasSubstr("permute"), HasSubstr("1 axes"), HasSubstr("[2, 3]"),
                    HasSubstr("shape_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] {
                permute(counted({2, 3}), {0, -2});
              }),
              HasSubstr("given twice"));
  EXPECT_THAT(message_of<ShapeError>([] {
                permute(counted({2, 3}), {0, 3});
              }),
              HasSubstr("no axis 3"));
  expect_gradients([](const Tensor& x) { return permute(x, {1, 2, 0}); }, counted({2, 3, 2}) * 0.1);
}

TEST(Expand, RepeatsAxesOfSizeOne) {
  for (const auto& [name, x] : layouts(counted({3, 1, 4}))) {
    const Tensor y = expand(x, {2, 3, 5, -1});
    EXPECT_EQ(y.shape(), Shape({2, 3, 5, 4}));
    EXPECT_TRUE(shares(x, y));
    EXPECT_TRUE(close(y, picked(x, y.shape(),
                                [](const Index& i) {
                                  return Index{i[1], 0, i[3]};
                                })))
        << name;
  }
  EXPECT_EQ(expand(counted({}), {2, 3}).to_vector<double>(), std::vector<double>(6, 1));
  EXPECT_EQ(expand(counted({1, 2}), {0, 2}).shape(), Shape({0, 2}));
  EXPECT_EQ(expand(counted({3, 0}), {2, 3, 0}).shape(), Shape({2, 3, 0}));
  EXPECT_THAT(message_of<ShapeError>([] {
                expand(counted({2, 3}), {4, 3});
              }),
              AllOf(HasSubstr("expand"), HasSubstr("[2, 3]"), HasSubstr("[4, 3]"),
                    HasSubstr("shape_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] { expand(counted({2, 3}), {3}); }), HasSubstr("[2, 3]"));
  EXPECT_THAT(message_of<ShapeError>([] { expand(counted({1}), {-1, -1}); }), HasSubstr("-1"));
  EXPECT_THAT(message_of<ShapeError>([] {
                expand(counted({1}), {std::int64_t{1} << 40, std::int64_t{1} << 40});
              }),
              HasSubstr("1099511627776"));
  expect_gradients(
      [](const Tensor& x) {
        return expand(x, {2, 3, 2, -1});
      },
      counted({3, 1, 2}) * 0.1);
}

TEST(Squeeze, DropsAxesOfSizeOne) {
  for (const auto& [name, x] : layouts(counted({1, 3, 1, 4}))) {
    EXPECT_EQ(squeeze(x).shape(), Shape({3, 4}));
    EXPECT_EQ(squeeze(x, 0).shape(), Shape({3, 1, 4}));
    EXPECT_EQ(squeeze(x, {0, -2}).shape(), Shape({3, 4}));
    EXPECT_EQ(squeeze(x, 1).shape(), x.shape()) << "an axis of another size stays";
    EXPECT_TRUE(shares(x, squeeze(x)));
    EXPECT_EQ(squeeze(x).to_vector<double>(), x.to_vector<double>()) << name;
  }
  EXPECT_EQ(squeeze(counted({1, 1})).shape(), Shape({}));
  EXPECT_EQ(squeeze(counted({1, 0})).shape(), Shape({0}));
  EXPECT_THAT(message_of<ShapeError>([] {
                squeeze(counted({1, 3}), 2);
              }),
              AllOf(HasSubstr("squeeze"), HasSubstr("no axis 2"), HasSubstr("shape_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] {
                squeeze(counted({1, 3}), {0, -2});
              }),
              HasSubstr("given twice"));
  expect_gradients([](const Tensor& x) { return squeeze(x); }, counted({1, 3, 1, 2}) * 0.1);
}

TEST(Unsqueeze, AddsAnAxis) {
  for (const auto& [name, x] : layouts(counted({2, 3, 4}))) {
    EXPECT_EQ(unsqueeze(x, 0).shape(), Shape({1, 2, 3, 4}));
    EXPECT_EQ(unsqueeze(x, 3).shape(), Shape({2, 3, 4, 1}));
    EXPECT_EQ(unsqueeze(x, -1).shape(), Shape({2, 3, 4, 1}));
    EXPECT_EQ(unsqueeze(x, -2).shape(), Shape({2, 3, 1, 4}));
    EXPECT_TRUE(shares(x, unsqueeze(x, 1)));
    EXPECT_EQ(unsqueeze(x, 1).to_vector<double>(), x.to_vector<double>()) << name;
  }
  EXPECT_EQ(unsqueeze(counted({}), 0).shape(), Shape({1}));
  EXPECT_TRUE(unsqueeze(counted({2, 3}), 1).is_contiguous());
  EXPECT_THAT(message_of<ShapeError>([] {
                unsqueeze(counted({2, 3}), 3);
              }),
              AllOf(HasSubstr("unsqueeze"), HasSubstr("[2, 3]"), HasSubstr("shape_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] { unsqueeze(counted(Shape::filled(8, 1)), 0); }),
              HasSubstr("8 axes"));
  expect_gradients([](const Tensor& x) { return unsqueeze(x, 1); }, counted({2, 3}) * 0.1);
}

TEST(Views, WritesAreSeenAndVersionsBump) {
  Tensor x = Tensor::zeros({4, 6});
  const std::uint32_t before = x.version();
  const std::vector<Tensor> views = {reshape(x, {24}),    transpose(x, 0, 1), permute(x, {1, 0}),
                                     unsqueeze(x, 0),     squeeze(x),         flatten(x),
                                     slice(x, 1, {0, 3}), select(x, 0, 0),    x[0],
                                     split(x, 2)[0]};
  std::uint32_t writes = 0;
  for (Tensor view : views) {
    x.fill(0);
    view.fill(7);
    writes += 2;
    EXPECT_EQ(x[0][0].item<float>(), 7);
    EXPECT_EQ(view.version(), before + writes);
    EXPECT_EQ(x.version(), before + writes);
  }
}

TEST(Views, ExpandShowsWritesButTakesNone) {
  Tensor x = Tensor::zeros({1, 2});
  Tensor wide = expand(x, {3, 2});
  x.fill(4);
  EXPECT_TRUE(close(wide, {4, 4, 4, 4, 4, 4}));
  EXPECT_EQ(wide.version(), x.version());
  EXPECT_THAT(message_of<Error>([&] { wide.fill(1); }), HasSubstr("clone"));
}

TEST(Views, HaveNoHistoryOfTheirOwnWithoutRecording) {
  Tensor x = counted({2, 3}).set_requires_grad();
  {
    const NoGradGuard no_grad;
    EXPECT_FALSE(x[0].requires_grad());
  }
  EXPECT_TRUE(x[0].requires_grad());
  EXPECT_FALSE(x[0].is_leaf());
}

TEST(Views, AWriteThroughAViewInvalidatesWhatWasSaved) {
  Tensor x = counted({2, 3}).set_requires_grad();
  const Tensor y = sum(square(x));
  {
    const NoGradGuard no_grad;
    Tensor row = x[1];
    row.fill(0);
  }
  EXPECT_THAT(message_of<GradientError>([&] { y.backward(); }), HasSubstr("modified"));
}

}  // namespace
}  // namespace tenon
