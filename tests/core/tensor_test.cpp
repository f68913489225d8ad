#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Tensor, FactoriesFillEveryElement) {
  for (const Dtype dtype :
       {Dtype::boolean, Dtype::u8, Dtype::i32, Dtype::i64, Dtype::f32, Dtype::f64}) {
    EXPECT_EQ(Tensor::zeros({2, 3}, {dtype}).to_vector<double>(), std::vector<double>(6, 0));
    EXPECT_EQ(Tensor::ones({2, 3}, {dtype}).to_vector<double>(), std::vector<double>(6, 1));
    EXPECT_EQ(Tensor::eye(2, {dtype}).to_vector<double>(), (std::vector<double>{1, 0, 0, 1}));
    EXPECT_EQ(Tensor::ones({2}, {dtype}).dtype(), dtype);
  }
  EXPECT_EQ(Tensor::full({2}, 2.5).to_vector<float>(), (std::vector<float>{2.5f, 2.5f}));
  EXPECT_EQ(Tensor::empty({2, 0, 3}).numel(), 0);
  EXPECT_EQ(Tensor::zeros({}).rank(), 0);
}

TEST(Tensor, FromTakesTheLiteralsType) {
  EXPECT_EQ(Tensor::from({1.0, 2.0}, {2}).dtype(), Dtype::f32);
  EXPECT_EQ(Tensor::from({1, 2}, {2}).dtype(), Dtype::i64);
  EXPECT_EQ(Tensor::from({true, false}, {2}).dtype(), Dtype::boolean);
  EXPECT_EQ(Tensor::from({1, 2}, {2}, Dtype::f64).dtype(), Dtype::f64);
  EXPECT_EQ(Tensor::from(std::vector<bool>{true, false, true}, {3}).to_vector<int>(),
            (std::vector<int>{1, 0, 1}));
  EXPECT_EQ(Tensor::from(2.5).item<double>(), 2.5);
  EXPECT_EQ(Tensor::from({std::int64_t{1} << 62}, {1}).item<std::int64_t>(), std::int64_t{1} << 62);
  EXPECT_EQ(Tensor::from({1.5, 0.0}, {2}).to_vector<bool>(), (std::vector<bool>{true, false}));
}

TEST(Tensor, ArangeAndLinspace) {
  EXPECT_EQ(Tensor::arange(4).to_vector<int>(), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(Tensor::arange(4).dtype(), Dtype::i64);
  EXPECT_EQ(Tensor::arange(5, 0, -2).to_vector<int>(), (std::vector<int>{5, 3, 1}));
  EXPECT_EQ(Tensor::arange(3, 3).numel(), 0);
  EXPECT_EQ(Tensor::arange(0.0, 1.0, 0.25).to_vector<float>(),
            (std::vector<float>{0, 0.25f, 0.5f, 0.75f}));
  EXPECT_EQ(Tensor::arange(INT64_MAX - 1, INT64_MAX, 2).numel(), 1);
  EXPECT_EQ(Tensor::linspace(0, 1, 5).to_vector<float>(),
            (std::vector<float>{0, 0.25f, 0.5f, 0.75f, 1}));
  EXPECT_EQ(Tensor::linspace(3, 4, 1).to_vector<float>(), (std::vector<float>{3}));
  EXPECT_THAT(message_of<ShapeError>([] { Tensor::arange(0, 3, 0); }), HasSubstr("step is 0"));
  EXPECT_THAT(message_of<ShapeError>([] { Tensor::arange(0.0, INFINITY, 1.0); }), HasSubstr("inf"));
  EXPECT_THAT(message_of<ShapeError>([] { Tensor::arange(INT64_MIN, INT64_MAX, 1); }),
              HasSubstr("larger than memory"));
  EXPECT_THAT(message_of<ShapeError>([] { Tensor::linspace(0, 1, -1); }), HasSubstr("-1"));
}

TEST(Tensor, BadSizesAreErrors) {
  EXPECT_THAT(message_of<ShapeError>([] {
                Tensor::zeros({-1, 3});
              }),
              AllOf(HasSubstr("zeros: "), HasSubstr("[-1, 3]"), HasSubstr("tensor_test.cpp:")));
  EXPECT_THAT(message_of<ShapeError>([] {
                Tensor::zeros({int64_t{1} << 40, int64_t{1} << 40});
              }),
              HasSubstr("1099511627776"));
  EXPECT_THAT(message_of<ShapeError>([] {
                Tensor::zeros({0, int64_t{1} << 40, int64_t{1} << 40});
              }),
              HasSubstr("larger than memory"));
  EXPECT_THAT(message_of<ShapeError>([] {
                Tensor::zeros({1, 1, 1, 1, 1, 1, 1, 1, 1});
              }),
              HasSubstr("at most 8 axes"));
  EXPECT_THAT(message_of<ShapeError>([] {
                Tensor::from({1.0, 2.0}, {3});
              }),
              AllOf(HasSubstr("[3]"), HasSubstr("2 were given")));
  EXPECT_THAT(message_of<Error>([] { Tensor::empty({int64_t{1} << 45}, {Dtype::u8}); }),
              HasSubstr("out of memory"));
}

TEST(Tensor, CopiesShareAndViewsAreViews) {
  Tensor a = Tensor::zeros({2, 2});
  const Tensor b = a;
  a.fill(3);
  EXPECT_EQ(b.to_vector<float>(), std::vector<float>(4, 3));
  EXPECT_EQ(b.version(), 1u);
  Tensor column = make_view(a, {2}, {2}, 1);
  column.fill(9);
  EXPECT_EQ(b.to_vector<float>(), (std::vector<float>{3, 9, 3, 9}));
  EXPECT_EQ(b.version(), 2u);
  EXPECT_NE(Tensor::zeros({1}).impl()->storage->id, Tensor::zeros({1}).impl()->storage->id);
}

TEST(Tensor, ReadingOut) {
  const Tensor x = Tensor::from({1, 2, 3, 4, 5, 6}, {2, 3}, Dtype::f64);
  for (const auto& [name, y] : layouts(x)) {
    EXPECT_EQ(y.to_vector<int>(), (std::vector<int>{1, 2, 3, 4, 5, 6})) << name;
  }
  EXPECT_EQ(x.data<double>()[4], 5);
  EXPECT_THAT(message_of<DtypeError>([&] { x.data<float>(); }),
              AllOf(HasSubstr("f64"), HasSubstr("f32")));
  EXPECT_THAT(
      message_of<ShapeError>([&] { in_order(x, Order::batch_inner).data<double>(); }),
      AllOf(HasSubstr("row-major"), HasSubstr("contiguous()"), HasSubstr("tensor_test.cpp:")));
  EXPECT_THAT(message_of<ShapeError>([&] { x.item<float>(); }),
              AllOf(HasSubstr("item: "), HasSubstr("[2, 3]")));
  EXPECT_THAT(message_of<ShapeError>([&] { x.size(2); }),
              AllOf(HasSubstr("no axis 2"), HasSubstr("[2, 3]")));
  EXPECT_THAT(message_of<ShapeError>([&] { Tensor::zeros({}).size(0); }), HasSubstr("scalar"));
  EXPECT_EQ(x.size(-1), 3);
}

TEST(Tensor, UndefinedTensorsThrow) {
  const Tensor none_yet;
  EXPECT_FALSE(none_yet.defined());
  EXPECT_THAT(message_of<ShapeError>([&] { none_yet.shape(); }), HasSubstr("undefined"));
  EXPECT_THAT(message_of<ShapeError>([&] { none_yet.item<float>(); }), HasSubstr("undefined"));
  EXPECT_THAT(message_of<ShapeError>([&] { none_yet.to_vector<float>(); }), HasSubstr("undefined"));
  EXPECT_THAT(message_of<ShapeError>([&] { zeros_like(none_yet); }), HasSubstr("undefined"));
  EXPECT_EQ(to_string(none_yet), "undefined");
}

TEST(Tensor, LikeKeepsShapeDtypeAndOrder) {
  const Tensor x = in_order(Tensor::ones({2, 3, 4, 5}, {Dtype::f64}), Order::channels_last);
  const Tensor y = full_like(x, 7);
  EXPECT_EQ(y.strides(), x.strides());
  EXPECT_EQ(y.dtype(), Dtype::f64);
  EXPECT_EQ(y.to_vector<double>(), std::vector<double>(120, 7));
  EXPECT_TRUE(zeros_like(sliced(x)).is_contiguous());
}

TEST(Tensor, AllClose) {
  const Tensor a = Tensor::from({1.0f, NAN, INFINITY}, {3});
  EXPECT_FALSE(all_close(a, a)) << "NaN is close to nothing";
  EXPECT_TRUE(all_close(Tensor::full({1}, INFINITY), Tensor::full({1}, INFINITY)));
  EXPECT_FALSE(all_close(Tensor::full({1}, INFINITY), Tensor::full({1}, 1e30)));
  EXPECT_FALSE(all_close(Tensor::full({1}, 1.0), Tensor::full({1}, 1.1)));
  EXPECT_TRUE(all_close(Tensor::full({1}, 1.0), Tensor::full({1}, 1.1), {.relative = 0.2}));
  EXPECT_THAT(message_of<ShapeError>([&] { all_close(a, Tensor::zeros({2})); }),
              AllOf(HasSubstr("[3]"), HasSubstr("[2]")));
}

TEST(Memory, CountsBytesPeakAndTensors) {
  const MemoryStats before = memory_stats();
  reset_peak();
  {
    const Tensor x = Tensor::zeros({1000});
    const Tensor y = x;
    EXPECT_EQ(memory_stats().live_bytes, before.live_bytes + 4000);
    EXPECT_EQ(memory_stats().live_tensors, before.live_tensors + 1);
  }
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_EQ(memory_stats().peak_bytes, before.live_bytes + 4000);
  reset_peak();
  EXPECT_EQ(memory_stats().peak_bytes, before.live_bytes);
}

TEST(Print, LooksLikeNumPy) {
  EXPECT_EQ(to_string(Tensor::from({1, 2, 3, 4}, {2, 2})), "[[1, 2],\n [3, 4]] [2, 2] i64");
  EXPECT_EQ(to_string(Tensor::from({1.0, 2.5}, {2})), "[1.0000, 2.5000] [2] f32");
  EXPECT_EQ(to_string(Tensor::from({1.0, -2.0}, {2})), "[ 1., -2.] [2] f32");
  EXPECT_EQ(to_string(Tensor::from({true, false}, {2})), "[ true, false] [2] boolean");
  EXPECT_EQ(to_string(Tensor::from(3)), "3 [] i64");
  EXPECT_EQ(to_string(Tensor::zeros({2, 0})), "[[],\n []] [2, 0] f32");
  EXPECT_EQ(to_string(Tensor::from({1e-9, 1.0}, {2})), "[1.0000e-09, 1.0000e+00] [2] f32");
  EXPECT_EQ(to_string(Tensor::arange(2000)),
            "[   0,    1,    2, ..., 1997, 1998, 1999] [2000] i64");
  EXPECT_EQ(to_string(Tensor::from({NAN, 1.0f}, {2})), "[nan,  1.] [2] f32");
}

TEST(Dtype, Promotion) {
  EXPECT_EQ(promote(Dtype::u8, Dtype::i32), Dtype::i32);
  EXPECT_EQ(promote(Dtype::i64, Dtype::f32), Dtype::f32);
  EXPECT_EQ(promote(Dtype::f32, Dtype::f64), Dtype::f64);
  EXPECT_EQ(promote(Dtype::boolean, Dtype::u8), Dtype::u8);
  EXPECT_EQ(promote_scalar(Dtype::f32, Dtype::f64), Dtype::f32);
  EXPECT_EQ(promote_scalar(Dtype::u8, Dtype::i64), Dtype::u8);
  EXPECT_EQ(promote_scalar(Dtype::i64, Dtype::f32), Dtype::f32);
  EXPECT_EQ(promote_scalar(Dtype::boolean, Dtype::i64), Dtype::i64);
}

}  // namespace
}  // namespace tenon
