#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenon/autograd/backward.h"
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

const std::vector<Dtype> kDtypes = {Dtype::f32, Dtype::f64, Dtype::i32, Dtype::u8};

/// The gradients of each subset of the inputs are those that all of them get together.
void expect_needs(FunctionRef<Tensor(const std::vector<Tensor>&)> operation,
                  const std::vector<Tensor>& inputs) {
  std::vector<Tensor> whole;
  for (const Tensor& x : inputs) whole.push_back(x.detach().clone().set_requires_grad());
  const Tensor y = operation(whole);
  const std::vector<Tensor> want = gradients(sum(y * y), whole);
  for (unsigned mask = 1; mask < 1u << inputs.size(); ++mask) {
    std::vector<Tensor> in, wanted, expected;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      in.push_back(inputs[i].detach().clone());
      if (!(mask >> i & 1)) continue;
      in[i].set_requires_grad();
      wanted.push_back(in[i]);
      expected.push_back(want[i]);
    }
    const Tensor z = operation(in);
    const std::vector<Tensor> got = gradients(sum(z * z), wanted);
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(close(got[i], expected[i])) << "mask " << mask;
  }
}

TEST(Concat, JoinsAlongAnAxis) {
  for (const Dtype dtype : kDtypes)
    for (const std::int64_t axis : {0, 1, 2, 3}) {
      const auto at = static_cast<std::size_t>(axis);
      Shape shape_a{2, 3, 1, 4}, shape_b = shape_a, shape_c = shape_a;
      shape_b[at] = 5;
      shape_c[at] = 0;
      const Tensor a = counted(shape_a, dtype), b = counted(shape_b, dtype),
                   c = counted(shape_c, dtype);
      for (const auto& [name_a, x] : layouts(a))
        for (const auto& [name_b, y] : layouts(b)) {
          const Tensor z = concat({x, y, c}, axis - 4);
          Shape shape = shape_a;
          shape[at] += 5;
          ASSERT_EQ(z.shape(), shape);
          ASSERT_EQ(z.dtype(), dtype);
          Table from_a(a), from_b(b), want(shape);
          for_each_index(shape, [&](Index i) {
            double& value = want(i);
            if (i[at] < shape_a[at]) {
              value = from_a(i);
            } else {
              i[at] -= shape_a[at];
              value = from_b(i);
            }
          });
          EXPECT_TRUE(close(z, want.values())) << name_a << ", " << name_b << ", axis " << axis;
        }
    }
}

TEST(Concat, KeepsTheOrderOfTheFirst) {
  const Tensor x = counted({2, 3, 4, 5});
  EXPECT_TRUE(has_order(concat({in_order(x, Order::channels_last), x}, 1), Order::channels_last));
  EXPECT_TRUE(has_order(concat({in_order(x, Order::batch_inner), x}, 1), Order::batch_inner));
  EXPECT_TRUE(has_order(concat({sliced(x), x}, 1), Order::rows));
}

TEST(Concat, PromotesAndCopies) {
  const Tensor a = Tensor::from({1, 2}, {2}), b = Tensor::from({0.5f}, {1});
  const Tensor y = concat({a, b});
  EXPECT_EQ(y.dtype(), Dtype::f32);
  EXPECT_TRUE(close(y, {1, 2, 0.5}));
  Tensor x = counted({2});
  const Tensor copy = concat({x});
  x.fill(9);
  EXPECT_TRUE(close(copy, {1, 2})) << "the output has storage of its own";
}

TEST(Concat, Gradients) {
  const Tensor a = counted({2, 3, 2}) * 0.1, b = counted({2, 1, 2}) * 0.3,
               c = counted({2, 2, 2}) * -0.2;
  const auto join = [](const std::vector<Tensor>& in) { return concat(in, 1); };
  expect_gradients(join, {a, b, c});
  expect_gradients(join,
                   {in_order(a, Order::channels_last), sliced(b), in_order(c, Order::batch_inner)});
  expect_needs(join, {a, b, c});
  Tensor narrow = counted({2}, Dtype::f32).set_requires_grad(),
         wide = counted({1}).set_requires_grad();
  const std::vector<Tensor> mixed = gradients(sum(concat({narrow, wide})), {narrow, wide});
  EXPECT_EQ(mixed[0].dtype(), Dtype::f32);
  EXPECT_EQ(mixed[1].dtype(), Dtype::f64);
}

TEST(Concat, OneTensorTwice) {
  Tensor x = counted({2}).set_requires_grad();
  sum(concat({x, x, 3.0 * x})).backward();
  EXPECT_TRUE(close(x.grad(), {5, 5}));
}

TEST(Concat, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([] { concat({}); }),
              AllOf(HasSubstr("concat"), HasSubstr("empty"), HasSubstr("join_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                concat({x, Tensor::zeros({2, 4})});
              }),
              AllOf(HasSubstr("concat"), HasSubstr("[2, 3]"), HasSubstr("[2, 4]"),
                    HasSubstr("tensors[1]")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                concat({x, Tensor::zeros({2})});
              }),
              AllOf(HasSubstr("1 axes"), HasSubstr("[2]")));
  EXPECT_THAT(message_of<ShapeError>([&] { concat({x, x}, 2); }), HasSubstr("no axis 2"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                concat({x, Tensor()});
              }),
              HasSubstr("tensors[1] is an undefined"));
  EXPECT_THAT(message_of<ShapeError>([] {
                concat({Tensor::zeros({}), Tensor::zeros({})});
              }),
              HasSubstr("stack"));
}

TEST(Concat, SizesThatOverflowSaySo) {
  const Tensor x = Tensor::zeros({std::int64_t{1} << 62, 0}, {Dtype::u8});
  EXPECT_THAT(message_of<ShapeError>([&] {
                concat({x, x});
              }),
              AllOf(HasSubstr("concat"), HasSubstr("memory")));
}

TEST(Stack, MakesAnAxis) {
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, a] : layouts(counted({2, 3, 4}, dtype))) {
      const Tensor b = a + a;
      for (const std::int64_t axis : {0, 1, 2, 3}) {
        const Tensor y = stack({a, b}, axis - 4);
        Shape shape = a.shape();
        shape.insert(static_cast<std::size_t>(axis), 2);
        ASSERT_EQ(y.shape(), shape);
        ASSERT_EQ(y.dtype(), dtype);
        Table from(a), want(shape);
        for_each_index(shape, [&](const Index& i) {
          Index j = i;
          j.erase(j.begin() + axis);
          want(i) = from(j) * (i[static_cast<std::size_t>(axis)] == 0 ? 1 : 2);
        });
        EXPECT_TRUE(close(y, want.values())) << name << ", axis " << axis;
      }
    }
  EXPECT_TRUE(close(stack({counted({}), counted({})}), {1, 1}));
  EXPECT_EQ(stack({counted({0, 2})}, 1).shape(), Shape({0, 1, 2}));
}

TEST(Stack, Gradients) {
  const Tensor a = counted({2, 3}) * 0.1, b = counted({2, 3}) * 0.3;
  for (const std::int64_t axis : {0, 1, 2}) {
    const auto join = [axis](const std::vector<Tensor>& in) { return stack(in, axis); };
    expect_gradients(join, {a, in_order(b, Order::batch_inner)});
    expect_needs(join, {a, b});
  }
}

TEST(Stack, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([] { stack({}); }), HasSubstr("empty"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                stack({x, Tensor::zeros({3, 2})});
              }),
              AllOf(HasSubstr("stack"), HasSubstr("[2, 3]"), HasSubstr("[3, 2]"),
                    HasSubstr("join_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { stack({x}, 3); }), HasSubstr("-3 to 2"));
  EXPECT_THAT(message_of<ShapeError>([] { stack({counted(Shape::filled(8, 1))}); }),
              HasSubstr("8 axes"));
}

TEST(Pad, SurroundsWithAValue) {
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(counted({2, 3, 1, 2}, dtype))) {
      const Tensor y = pad(x, {{1, 0}, {0, 2}, {3, 1}}, 5);
      const Shape shape{3, 5, 5, 2};
      ASSERT_EQ(y.shape(), shape);
      ASSERT_EQ(y.dtype(), dtype);
      Table from(x), want(shape);
      for_each_index(shape, [&](const Index& i) {
        const bool inside = i[0] >= 1 && i[1] < 3 && i[2] == 3;
        want(i) = inside ? from({i[0] - 1, i[1], 0, i[3]}) : 5;
      });
      EXPECT_TRUE(close(y, want.values())) << name;
    }
  EXPECT_TRUE(close(pad(counted({0}), {{1, 1}}, 3), {3, 3}));
  EXPECT_TRUE(close(pad(counted({2}), {}), {1, 2}));
  EXPECT_EQ(pad(counted({}), {}).shape(), Shape({}));
}

TEST(Pad, Gradients) {
  for (const auto& [name, x] : layouts(counted({2, 3, 2}) * 0.1)) {
    expect_gradients(
        [](const std::vector<Tensor>& in) {
          return pad(in[0], {{1, 2}, {0, 1}, {2, 0}}, 0.5);
        },
        {x});
    expect_gradients([](const std::vector<Tensor>& in) { return pad(in[0], {}, 0.5); }, {x});
  }
}

TEST(Pad, WrongCallsSaySo) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] {
                pad(x, {{1, 1}, {1, 1}, {1, 1}});
              }),
              AllOf(HasSubstr("pad"), HasSubstr("3 amounts"), HasSubstr("[2, 3]"),
                    HasSubstr("join_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                pad(x, {{-1, 0}});
              }),
              AllOf(HasSubstr("-1"), HasSubstr("slice")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                pad(x, {{INT64_MAX, 1}});
              }),
              HasSubstr("9223372036854775807"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                pad(x, {{std::int64_t{1} << 50, 0}});
              }),
              HasSubstr("memory"));
  EXPECT_THAT(message_of<DataError>([] {
                pad(counted({2}, Dtype::u8), {{1, 1}}, 256);
              }),
              AllOf(HasSubstr("u8"), HasSubstr("256")));
  EXPECT_THAT(message_of<DataError>([] {
                pad(counted({2}, Dtype::i64), {{1, 1}}, 0.5);
              }),
              HasSubstr("0.5"));
}

TEST(Flip, Reverses) {
  for (const Dtype dtype : kDtypes)
    for (const auto& [name, x] : layouts(counted({2, 3, 1, 5}, dtype))) {
      const Tensor y = flip(x, {1, -1});
      EXPECT_EQ(y.dtype(), dtype);
      EXPECT_TRUE(close(y, picked(x, x.shape(),
                                  [](const Index& i) {
                                    return Index{i[0], 2 - i[1], i[2], 4 - i[3]};
                                  })))
          << name;
      EXPECT_TRUE(close(flip(x, {}), picked(x, x.shape(),
                                            [](const Index& i) {
                                              return Index{1 - i[0], 2 - i[1], 0, 4 - i[3]};
                                            })))
          << name;
      EXPECT_EQ(order_of(y), name == "sliced" ? Order::rows : order_of(x));
    }
  EXPECT_EQ(flip(counted({2, 0}), 1).shape(), Shape({2, 0}));
  EXPECT_EQ(flip(counted({}), {}).item<double>(), 1);
  EXPECT_TRUE(close(flip(expand(counted({2, 1}), {2, 2}), 0), {2, 2, 1, 1}));
  EXPECT_THAT(message_of<ShapeError>([] {
                flip(counted({2, 3}), 2);
              }),
              AllOf(HasSubstr("flip"), HasSubstr("join_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] {
                flip(counted({2, 3}), {0, 0});
              }),
              HasSubstr("given twice"));
  for (const auto& [name, x] : layouts(counted({2, 3, 2}) * 0.1))
    expect_gradients([](const std::vector<Tensor>& in) { return flip(in[0], {0, 2}); }, {x});
}

TEST(Triangles, KeepOneSideOfADiagonal) {
  for (const Dtype dtype : kDtypes)
    for (const Shape& shape : {Shape{4, 4}, Shape{2, 3, 5}, Shape{2, 1, 5, 3}, Shape{2, 0, 3}})
      for (const auto& [name, x] : layouts(counted(shape, dtype)))
        for (const std::int64_t diagonal : {-9, -1, 0, 2, 9}) {
          Table from(x), lower(shape), upper(shape);
          for_each_index(shape, [&](const Index& i) {
            const std::int64_t above = i[i.size() - 1] - i[i.size() - 2];
            lower(i) = above <= diagonal ? from(i) : 0;
            upper(i) = above >= diagonal ? from(i) : 0;
          });
          EXPECT_TRUE(close(tril(x, diagonal), lower.values())) << name << " " << diagonal;
          EXPECT_TRUE(close(triu(x, diagonal), upper.values())) << name << " " << diagonal;
        }
}

TEST(Triangles, DropNanAndInfinity) {
  const double nan = std::nan("");
  EXPECT_TRUE(close(tril(Tensor::from({1.0, nan, HUGE_VAL, 2.0}, {2, 2}, Dtype::f64)),
                    {1, 0, HUGE_VAL, 2}));
}

TEST(Triangles, GradientsAndErrors) {
  for (const auto& [name, x] : layouts(counted({2, 3, 4}) * 0.1)) {
    expect_gradients([](const std::vector<Tensor>& in) { return tril(in[0], 1); }, {x});
    expect_gradients([](const std::vector<Tensor>& in) { return triu(in[0], -1); }, {x});
  }
  EXPECT_THAT(message_of<ShapeError>([] { tril(counted({3})); }),
              AllOf(HasSubstr("tril"), HasSubstr("[3]"), HasSubstr("join_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] { triu(Tensor()); }),
              AllOf(HasSubstr("triu"), HasSubstr("undefined")));
}

}  // namespace
}  // namespace tenon
