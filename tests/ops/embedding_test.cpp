#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/index.h"
#include "tenon/ops/reduce.h"
#include "tests/ops/indexed.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<Dtype> kIndexDtypes = {Dtype::i64, Dtype::i32, Dtype::u8};

TEST(OneHot, IsOneAtTheIndex) {
  for (const Dtype dtype : kIndexDtypes)
    for (const auto& [name, index] : layouts(Tensor::from({2, 0, 1, 1}, {2, 2}, dtype))) {
      const Tensor y = one_hot(index, 3);
      EXPECT_EQ(y.shape(), Shape({2, 2, 3}));
      EXPECT_EQ(y.dtype(), Dtype::i64);
      EXPECT_TRUE(close(y, {0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0})) << name;
    }
  EXPECT_EQ(one_hot(Tensor::zeros({0}, {Dtype::i64}), 3).shape(), Shape({0, 3}));
  EXPECT_TRUE(close(one_hot(Tensor::from(1), 2), {0, 1}));
  EXPECT_THAT(message_of<ShapeError>([] {
                one_hot(Tensor::from({0, 3}, {2}), 3);
              }),
              AllOf(HasSubstr("one_hot: index holds 3 at [1]"), HasSubstr("3 classes"),
                    HasSubstr("embedding_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] { one_hot(Tensor::from({0}, {1}), 0); }),
              HasSubstr("num_classes is 0"));
  EXPECT_THAT(message_of<DtypeError>([] { one_hot(Tensor::from({0.5f}, {1}), 2); }),
              HasSubstr("f32"));
}

TEST(Embedding, TakesRows) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const auto& [name, weight] : layouts(counted({5, 3}, dtype)))
      for (const Dtype index_dtype : kIndexDtypes)
        for (const auto& [index_name, index] :
             layouts(Tensor::from({4, 0, 4, 1}, {2, 2}, index_dtype))) {
          const Tensor y = embedding(weight, index);
          EXPECT_EQ(y.shape(), Shape({2, 2, 3}));
          EXPECT_EQ(y.dtype(), dtype);
          EXPECT_TRUE(y.is_contiguous());
          EXPECT_TRUE(close(y, {13, 14, 15, 1, 2, 3, 13, 14, 15, 4, 5, 6})) << name;
        }
  EXPECT_EQ(embedding(counted({5, 3}), Tensor::zeros({2, 0}, {Dtype::i64})).shape(),
            Shape({2, 0, 3}));
  EXPECT_TRUE(close(embedding(counted({5, 3}), Tensor::from(2)), {7, 8, 9}));
}

TEST(Embedding, Gradients) {
  const Tensor index = Tensor::from({4, 0, 4, 1}, {2, 2});
  for (const auto& [name, weight] : layouts(counted({5, 3}) * 0.1))
    expect_gradients([&](const std::vector<Tensor>& in) { return embedding(in[0], index); },
                     {weight});
  Tensor weight = counted({3, 2}, Dtype::f32).set_requires_grad();
  sum(embedding(weight, Tensor::from({2, 2, 0}, {3}))).backward();
  EXPECT_TRUE(close(weight.grad(), {1, 1, 0, 0, 2, 2}));
}

TEST(Embedding, WrongCallsSaySo) {
  EXPECT_THAT(message_of<ShapeError>([] {
                embedding(Tensor::zeros({5, 3}), Tensor::from({0, 5}, {2}));
              }),
              AllOf(HasSubstr("embedding: index holds 5 at [1]"), HasSubstr("weight"),
                    HasSubstr("[5, 3]"), HasSubstr("embedding_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([] { embedding(Tensor::zeros({5}), Tensor::from({0}, {1})); }),
              HasSubstr("2 axes but has 1"));
  EXPECT_THAT(message_of<DtypeError>([] {
                embedding(Tensor::zeros({5, 3}), Tensor::zeros({1}));
              }),
              HasSubstr("i64"));
}

}  // namespace
}  // namespace tenon
