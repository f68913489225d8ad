#include "tenon/ops/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenon/core/error.h"
#include "tenon/core/parallel.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tests/ops/indexed.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<Dtype> kDtypes = {Dtype::f32, Dtype::f64, Dtype::i32, Dtype::u8};
const std::vector<Dtype> kIndexDtypes = {Dtype::i64, Dtype::i32, Dtype::u8};

/// y[c] of a gather, or the place that source[c] is added to.
Index at(Index c, std::int64_t axis, double index) {
  c[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(index);
  return c;
}

TEST(MaskedFill, FillsWhereTheMaskIsTrue) {
  const Tensor values = counted({2, 3, 1, 4});
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(values.to(dtype)))
      for (const auto& [mask_name, mask] : layouts(less(values, 9))) {
        const Tensor y = masked_fill(x, mask, 7);
        EXPECT_EQ(y.dtype(), dtype);
        std::vector<double> want = values.to_vector<double>();
        for (double& value : want) value = value < 9 ? 7 : value;
        EXPECT_TRUE(close(y, want)) << name << ", mask " << mask_name;
      }
}

TEST(MaskedFill, Broadcasts) {
  const Tensor x = counted({2, 3}), columns = Tensor::from({false, true, false}, {3});
  EXPECT_TRUE(close(masked_fill(x, columns, 0), {1, 0, 3, 4, 0, 6}));
  const Tensor rows = Tensor::from({false, true}, {2, 1});
  EXPECT_TRUE(close(masked_fill(counted({3}), rows, -1), {1, 2, 3, -1, -1, -1}));
  EXPECT_TRUE(close(masked_fill(counted({}), columns, 5), {1, 5, 1}));
  EXPECT_EQ(masked_fill(counted({2, 0}), Tensor::from({true}, {1}), 0).shape(), Shape({2, 0}));
  EXPECT_TRUE(
      close(masked_fill(x, Tensor::from(true), -HUGE_VAL), std::vector<double>(6, -HUGE_VAL)));
}

TEST(MaskedFill, Gradients) {
  const Tensor mask = Tensor::from({true, false, true, false, false, true}, {2, 3});
  for (const auto& [name, x] : layouts(counted({2, 3}) * 0.1))
    expect_gradients([&](const std::vector<Tensor>& in) { return masked_fill(in[0], mask, 0.7); },
                     {x});
  expect_gradients([&](const std::vector<Tensor>& in) { return masked_fill(in[0], mask, 0.7); },
                   {counted({3}) * 0.1});
}

TEST(MaskedFill, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 3}), mask = Tensor::from({true, false}, {2});
  EXPECT_THAT(message_of<ShapeError>([&] { masked_fill(x, mask, 0); }),
              AllOf(HasSubstr("masked_fill"), HasSubstr("[2, 3]"), HasSubstr("[2]"),
                    HasSubstr("broadcast"), HasSubstr("index_test.cpp")));
  EXPECT_THAT(message_of<DtypeError>([&] { masked_fill(x, x, 0); }),
              AllOf(HasSubstr("boolean"), HasSubstr("f32")));
  EXPECT_THAT(
      message_of<DataError>([&] { masked_fill(x.to(Dtype::i64), Tensor::from(true), HUGE_VAL); }),
      AllOf(HasSubstr("i64"), HasSubstr("inf")));
  EXPECT_THAT(message_of<ShapeError>([&] { masked_fill(x, Tensor(), 0); }),
              HasSubstr("mask is an undefined"));
}

TEST(Gather, PicksByIndex) {
  const Shape shape{3, 4, 2, 5};
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(counted(shape, dtype)))
      for (const std::int64_t axis : {0, 1, 2, 3}) {
        Shape index_shape{2, 3, 2,
                          4};  // smaller than x along the others, of any size along the axis
        index_shape[static_cast<std::size_t>(axis)] = 6;
        Rng rng(static_cast<std::uint64_t>(axis) + 1);
        const Tensor values =
            Tensor::randint(0, shape[static_cast<std::size_t>(axis)], index_shape, rng);
        for (const Dtype index_dtype : kIndexDtypes)
          for (const auto& [index_name, index] : layouts(values.to(index_dtype))) {
            const Tensor y = gather(x, axis - 4, index);
            ASSERT_EQ(y.shape(), index_shape);
            ASSERT_EQ(y.dtype(), dtype);
            Table indices(values);
            ASSERT_TRUE(close(
                y, picked(x, index_shape, [&](const Index& c) { return at(c, axis, indices(c)); })))
                << name << ", index " << index_name << ", axis " << axis;
          }
      }
}

TEST(Gather, EmptyAndBoolean) {
  EXPECT_EQ(gather(counted({3, 0}), 0, Tensor::zeros({2, 0}, {Dtype::i64})).shape(), Shape({2, 0}));
  EXPECT_EQ(gather(counted({3}), 0, Tensor::zeros({0}, {Dtype::i64})).shape(), Shape({0}));
  const Tensor flags = Tensor::from({true, false}, {2});
  EXPECT_EQ(gather(flags, 0, Tensor::from({1, 0, 0}, {3})).to_vector<bool>(),
            (std::vector<bool>{false, true, true}));
}

TEST(Gather, Gradients) {
  const Tensor index = Tensor::from({2, 0, 2, 2, 1, 0}, {2, 3});  // repeats: gradients add up
  for (const auto& [name, x] : layouts(counted({3, 4}) * 0.1))
    expect_gradients([&](const std::vector<Tensor>& in) { return gather(in[0], 0, index); }, {x});
  for (const auto& [name, x] : layouts(counted({2, 3, 2}) * 0.1))
    expect_gradients(
        [&](const std::vector<Tensor>& in) {
          return gather(in[0], 1, Tensor::from({2, 0, 2, 2}, {1, 2, 2}));
        },
        {x});
}

TEST(Gather, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 5});
  EXPECT_THAT(message_of<ShapeError>([&] {
                gather(x, 1, Tensor::from({0, 1, 2, 7}, {2, 2}));
              }),
              AllOf(HasSubstr("gather: index holds 7 at [1, 1]"), HasSubstr("axis 1"),
                    HasSubstr("size 5"), HasSubstr("index_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                gather(x, 1, Tensor::from({-1, 1}, {2, 1}));
              }),
              HasSubstr("holds -1 at [0, 0]"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                gather(x, 1, Tensor::from({0, 0, 0}, {3, 1}));
              }),
              AllOf(HasSubstr("[2, 5]"), HasSubstr("[3, 1]")));
  EXPECT_THAT(message_of<ShapeError>([&] { gather(x, 1, Tensor::from({0}, {1})); }),
              HasSubstr("rank"));
  EXPECT_THAT(message_of<DtypeError>([&] { gather(x, 1, x); }),
              AllOf(HasSubstr("index must be i64"), HasSubstr("f32")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                gather(x, 2, Tensor::from({0}, {1, 1}));
              }),
              HasSubstr("no axis 2"));
}

TEST(ScatterAdd, AddsByIndex) {
  const Shape shape{3, 4, 2, 5};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::i32, Dtype::u8})
    for (const auto& [name, x] : layouts(counted(shape, dtype)))
      for (const std::int64_t axis : {0, 1, 2, 3}) {
        Shape index_shape{2, 3, 1, 4};
        index_shape[static_cast<std::size_t>(axis)] = 6;
        Rng rng(static_cast<std::uint64_t>(axis) + 1);
        const Tensor index =
            Tensor::randint(0, shape[static_cast<std::size_t>(axis)], index_shape, rng);
        const Tensor values = Tensor::randint(0, 5, index_shape, rng);
        Table want(x), indices(index), added(values);
        for_each_index(index_shape,
                       [&](const Index& c) { want(at(c, axis, indices(c))) += added(c); });
        for (const auto& [source_name, source] : layouts(values.to(dtype)))
          for (const auto& [index_name, laid_out] : layouts(index)) {
            const Tensor y = scatter_add(x, axis, laid_out, source);
            ASSERT_EQ(y.dtype(), dtype);
            ASSERT_TRUE(close(y, want.values()))
                << name << ", source " << source_name << ", axis " << axis;
          }
      }
}

TEST(ScatterAdd, LeavesItsInputAlone) {
  const Tensor x = counted({2});
  EXPECT_TRUE(close(scatter_add(x, 0, Tensor::from({1, 1}, {2}), counted({2})), {1, 5}));
  EXPECT_TRUE(close(x, {1, 2}));
  EXPECT_TRUE(close(scatter_add(x, 0, Tensor::zeros({0}, {Dtype::i64}), counted({0})), {1, 2}));
}

TEST(ScatterAdd, GradientsAndNeeds) {
  const Tensor index = Tensor::from({2, 0, 2, 2, 1, 0}, {2, 3});
  const auto add = [&](const std::vector<Tensor>& in) {
    return scatter_add(in[0], 0, index, in[1]);
  };
  const Tensor x = counted({3, 4}) * 0.1, source = counted({2, 3}) * -0.2;
  expect_gradients(add, {x, source});
  expect_gradients(add, {in_order(x, Order::batch_inner), sliced(source)});
  const auto alone_x = [&](const std::vector<Tensor>& in) {
    return scatter_add(in[0], 0, index, source);
  };
  const auto alone_source = [&](const std::vector<Tensor>& in) {
    return scatter_add(x, 0, index, in[0]);
  };
  expect_gradients(alone_x, {x});
  expect_gradients(alone_source, {source});
}

TEST(ScatterAdd, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 5}), index = Tensor::from({0, 1}, {1, 2});
  EXPECT_THAT(message_of<ShapeError>([&] {
                scatter_add(x, 0, index, Tensor::zeros({2, 2}));
              }),
              AllOf(HasSubstr("scatter_add"), HasSubstr("[1, 2]"), HasSubstr("[2, 2]"),
                    HasSubstr("index_test.cpp")));
  EXPECT_THAT(message_of<DtypeError>([&] {
                scatter_add(x, 0, index, Tensor::zeros({1, 2}, {Dtype::f64}));
              }),
              AllOf(HasSubstr("f32"), HasSubstr("f64")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                scatter_add(x, 0, index + 1, Tensor::zeros({1, 2}));
              }),
              HasSubstr("holds 2 at [0, 1]"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                scatter_add(x, 1, Tensor::zeros({3, 2}, {Dtype::i64}), Tensor::zeros({3, 2}));
              }),
              HasSubstr("sizes"));
  EXPECT_THAT(
      message_of<DtypeError>([&] {
        scatter_add(x.to(Dtype::boolean), 0, index, Tensor::zeros({1, 2}, {Dtype::boolean}));
      }),
      HasSubstr("booleans"));
}

TEST(IndexSelect, TakesParts) {
  const Shape shape{3, 4, 2, 5};
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(counted(shape, dtype)))
      for (const std::int64_t axis : {0, 1, 2, 3})
        for (const Dtype index_dtype : kIndexDtypes) {
          const std::vector<std::int64_t> chosen = {1, 0, 1, 1};
          Shape want = shape;
          want[static_cast<std::size_t>(axis)] = 4;
          for (const auto& [index_name, index] : layouts(Tensor::from(chosen, {4}, index_dtype))) {
            const Tensor y = index_select(x, axis, index);
            ASSERT_EQ(y.shape(), want);
            ASSERT_EQ(y.dtype(), dtype);
            ASSERT_TRUE(close(y, picked(x, want,
                                        [&](const Index& c) {
                                          const auto i = static_cast<std::size_t>(
                                              c[static_cast<std::size_t>(axis)]);
                                          return at(c, axis, static_cast<double>(chosen[i]));
                                        })))
                << name << ", axis " << axis;
          }
        }
  EXPECT_EQ(index_select(counted({3, 2}), 0, Tensor::zeros({0}, {Dtype::i64})).shape(),
            Shape({0, 2}));
  EXPECT_EQ(index_select(counted({3, 0}), 0, Tensor::from({2}, {1})).shape(), Shape({1, 0}));
  EXPECT_TRUE(has_order(
      index_select(in_order(counted(shape), Order::channels_last), 0, Tensor::from({1, 2}, {2})),
      Order::channels_last));
}

TEST(IndexSelect, Gradients) {
  const Tensor index = Tensor::from({1, 0, 1}, {3});
  for (const std::int64_t axis : {0, 1, 2})
    for (const auto& [name, x] : layouts(counted({2, 3, 2}) * 0.1))
      expect_gradients(
          [&](const std::vector<Tensor>& in) { return index_select(in[0], axis, index); }, {x});
}

TEST(IndexSelect, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 5});
  EXPECT_THAT(message_of<ShapeError>([&] {
                index_select(x, 0, Tensor::from({0, 2}, {2}));
              }),
              AllOf(HasSubstr("index_select: index holds 2 at [1]"), HasSubstr("axis 0"),
                    HasSubstr("size 2"), HasSubstr("index_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                index_select(x, 0, Tensor::from({0}, {1, 1}));
              }),
              HasSubstr("1 axis but has 2"));
  EXPECT_THAT(message_of<DtypeError>([&] { index_select(x, 0, Tensor::from({true}, {1})); }),
              HasSubstr("boolean"));
}

TEST(IndexAdd, AddsParts) {
  const Shape shape{3, 4, 2, 5};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::i64})
    for (const auto& [name, x] : layouts(counted(shape, dtype)))
      for (const std::int64_t axis : {0, 1, 2, 3}) {
        const std::vector<std::int64_t> chosen = {1, 0, 1, 1};
        Shape source_shape = shape;
        source_shape[static_cast<std::size_t>(axis)] = 4;
        const Tensor values = counted(source_shape, dtype);
        Table want(x), added(values);
        for_each_index(source_shape, [&](const Index& c) {
          const auto i = static_cast<std::size_t>(c[static_cast<std::size_t>(axis)]);
          want(at(c, axis, static_cast<double>(chosen[i]))) += added(c);
        });
        for (const auto& [source_name, source] : layouts(values))
          ASSERT_TRUE(close(index_add(x, axis, Tensor::from(chosen, {4}), source), want.values()))
              << name << ", source " << source_name << ", axis " << axis;
      }
}

TEST(IndexAdd, GradientsAndNeeds) {
  const Tensor index = Tensor::from({1, 0, 1}, {3}), x = counted({2, 3}) * 0.1,
               source = counted({3, 3}) * -0.2;
  expect_gradients([&](const std::vector<Tensor>& in) { return index_add(in[0], 0, index, in[1]); },
                   {x, source});
  expect_gradients(
      [&](const std::vector<Tensor>& in) { return index_add(in[0], 0, index, source); }, {x});
  expect_gradients([&](const std::vector<Tensor>& in) { return index_add(x, 0, index, in[0]); },
                   {source});
}

TEST(IndexAdd, SameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    Rng rng(5);
    const Tensor index = Tensor::randint(0, 7, {3000}, rng);
    results.push_back(index_add(Tensor::zeros({7, 200}), 0, index, Tensor::normal({3000, 200}, rng))
                          .to_vector<float>());
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(IndexAdd, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 5}), index = Tensor::from({0, 1, 1}, {3});
  EXPECT_THAT(message_of<ShapeError>([&] {
                index_add(x, 0, index, Tensor::zeros({2, 5}));
              }),
              AllOf(HasSubstr("index_add"), HasSubstr("[3, 5]"), HasSubstr("[2, 5]"),
                    HasSubstr("index_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                index_add(x, 0, index * 5, Tensor::zeros({3, 5}));
              }),
              HasSubstr("holds 5 at [1]"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                index_add(x, 0, index, Tensor::zeros({3, 5}, {Dtype::i64}));
              }),
              HasSubstr("i64"));
}

}  // namespace
}  // namespace tenon
