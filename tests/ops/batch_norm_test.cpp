#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/norm.h"
#include "tenon/ops/reduce.h"
#include "tests/ops/norm_oracle.h"

namespace tenon {
namespace {

/// The last two take several blocks of work.
const Shape kImageShapes[] = {{2, 1},         {7, 3},          {5, 16},       {2, 3, 1},
                              {3, 2, 5},      {1, 4, 3},       {4, 3, 5, 2},  {2, 16, 3, 3},
                              {3, 32, 4, 5},  {2, 2, 2, 3, 2}, {33, 5, 7, 9}, {16, 16, 10, 10},
                              {24, 3, 16, 17}};

TEST(BatchNorm, AllLayoutsSizesAndDtypes) {
  for (const Shape& shape : kImageShapes) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor x = random(shape, dtype, 1), w = random({shape[1]}, dtype, 2),
                   b = random({shape[1]}, dtype, 3);
      const std::pair<Tensor, Tensor> parameters[] = {
          {w, b}, {sliced(w), sliced(b)}, {{}, {}}, {w, {}}, {{}, b}};
      for (const auto& [weight, bias] : parameters) {
        const Expected want = expected(x, by_channel(x), weight, bias);
        for (const auto& [name, layout] : layouts(x)) {
          const BatchNormResult result = batch_norm(layout, weight, bias);
          ASSERT_EQ(result.y.shape(), shape);
          EXPECT_TRUE(close(result.y, want.y)) << name << " " << to_string(shape);
          EXPECT_TRUE(close(result.mean, want.mean)) << name << " " << to_string(shape);
          EXPECT_TRUE(close(result.variance, want.variance)) << name << " " << to_string(shape);
          if (is_dense(shape, layout.strides())) {
            EXPECT_EQ(order_of(result.y), order_of(layout)) << name;
          }
        }
      }
    }
  }
}

TEST(BatchNorm, SurvivesALargeMean) {
  // The variance of 10000 +- 1: a sum of squares in float would lose it whole.
  for (const Order order : {Order::rows, Order::channels_last, Order::batch_inner}) {
    Tensor x = make_tensor({4, 16, 3, 3}, strides_in_order({4, 16, 3, 3}, order), Dtype::f32);
    for (std::int64_t i = 0; i < x.numel(); ++i)
      fresh_elements<float>(x)[i] = 10000.0F + static_cast<float>(i % 7 % 3 - 1);
    const Expected want = expected(x, by_channel(x), {}, {});
    const BatchNormResult result = batch_norm(x);
    EXPECT_TRUE(close(result.variance, Tensor::from(want.variance, {16}, Dtype::f32), {1e-3, 0}));
    EXPECT_TRUE(close(result.y, Tensor::from(want.y, x.shape(), Dtype::f32), {2e-3, 2e-3}));
  }
}

TEST(BatchNorm, InferenceAllLayouts) {
  for (const Shape& shape : {Shape{1, 3}, Shape{0, 3}, Shape{4, 3, 5, 2}, Shape{2, 16, 3, 3}}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor x = random(shape, dtype, 4), mean = random({shape[1]}, dtype, 5);
      const Tensor variance = random({shape[1]}, dtype, 6) * random({shape[1]}, dtype, 6);
      const Tensor w = random({shape[1]}, dtype, 7), b = random({shape[1]}, dtype, 8);
      const Values xv = x.to_vector<double>(), mv = mean.to_vector<double>(),
                   vv = variance.to_vector<double>();
      const Values wv = w.to_vector<double>(), bv = b.to_vector<double>();
      const Groups g = by_channel(x);
      Values want, plain;
      for (std::size_t i = 0; i < xv.size(); ++i) {
        const std::size_t c = g.group_of[i];
        plain.push_back((xv[i] - mv[c]) / std::sqrt(vv[c] + kEpsilon));
        want.push_back(plain.back() * wv[c] + bv[c]);
      }
      for (const auto& [name, layout] : layouts(x)) {
        EXPECT_TRUE(close(batch_norm_inference(layout, mean, variance, w, b), want)) << name;
        EXPECT_TRUE(close(batch_norm_inference(layout, sliced(mean), sliced(variance)), plain))
            << name;
        if (is_dense(shape, layout.strides())) {
          EXPECT_EQ(order_of(batch_norm_inference(layout, mean, variance)), order_of(layout))
              << name;
        }
      }
    }
  }
}

TEST(BatchNorm, GradientsOfAllLayouts) {
  for (const Shape& shape : kImageShapes) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      // Sums of up to 1600 products in float.
      const Tolerance tolerance =
          dtype == Dtype::f32 ? Tolerance{1e-4, 1e-4} : Tolerance{1e-9, 1e-9};
      const Tensor x = random(shape, dtype, 9), w = random({shape[1]}, dtype, 10);
      const Tensor b = random({shape[1]}, dtype, 11), dy = random(shape, dtype, 12);
      const ExpectedGradients want = expected_gradients(x, by_channel(x), w, dy);
      const Values* const wanted[] = {&want.dx, &want.dw, &want.db};
      for (const auto& [name, layout] : layouts(x)) {
        for (const auto& [dy_name, dy_layout] : layouts(dy)) {
          const std::vector<Tensor> in = {layout.detach().set_requires_grad(),
                                          w.detach().set_requires_grad(),
                                          b.detach().set_requires_grad()};
          const auto got =
              gradients(batch_norm(in[0], in[1], in[2]).y, in, {.output_gradients = {dy_layout}});
          for (std::size_t i = 0; i < 3; ++i)
            EXPECT_TRUE(close(got[i], Tensor::from(*wanted[i], in[i].shape(), dtype), tolerance))
                << name << ", dy " << dy_name << ", input " << i << " " << to_string(x.shape());
        }
      }
    }
  }
}

TEST(BatchNorm, FirstAndSecondGradients) {
  for (const Shape& shape : {Shape{4, 3}, Shape{2, 3, 2}, Shape{3, 2, 2, 2}}) {
    const Tensor x = random(shape, Dtype::f64, 13), w = random({shape[1]}, Dtype::f64, 14),
                 b = random({shape[1]}, Dtype::f64, 15);
    for (const auto& [name, layout] : layouts(x)) {
      const auto f = [](const std::vector<Tensor>& in) {
        return batch_norm(in[0], in[1], in[2]).y;
      };
      const GradientReport first = check_gradients(f, {layout, w, b}),
                           second = check_second_gradients(f, {layout, w, b});
      EXPECT_TRUE(first.ok) << name << first.message;
      EXPECT_TRUE(second.ok) << name << second.message;
      const auto plain = [](const std::vector<Tensor>& in) { return batch_norm(in[0]).y; };
      EXPECT_TRUE(check_gradients(plain, {layout}).ok)
          << name << check_gradients(plain, {layout}).message;
      EXPECT_TRUE(check_second_gradients(plain, {layout}).ok)
          << check_second_gradients(plain, {layout}).message;
    }
  }
}

TEST(BatchNorm, InferenceGradients) {
  const Tensor x = random({3, 2, 2}, Dtype::f64, 16), mean = random({2}, Dtype::f64, 17);
  const Tensor variance = Tensor::from({0.7, 2.5}, {2}, Dtype::f64);
  const Tensor w = random({2}, Dtype::f64, 18), b = random({2}, Dtype::f64, 19);
  const auto f = [](const std::vector<Tensor>& in) {
    return batch_norm_inference(in[0], in[1], in[2], in[3], in[4]);
  };
  for (const auto& [name, layout] : layouts(x)) {
    EXPECT_TRUE(check_gradients(f, {layout, mean, variance, w, b}).ok)
        << name << check_gradients(f, {layout, mean, variance, w, b}).message;
    EXPECT_TRUE(check_second_gradients(f, {layout, mean, variance, w, b}).ok)
        << name << check_second_gradients(f, {layout, mean, variance, w, b}).message;
  }
  const auto plain = [](const std::vector<Tensor>& in) {
    return batch_norm_inference(in[0], in[1], in[2]);
  };
  EXPECT_TRUE(check_gradients(plain, {x, mean, variance}).ok);
}

TEST(BatchNorm, ComputesOnlyTheGradientsThatAreNeeded) {
  const Tensor x = random({3, 2, 4}, Dtype::f64, 21), w = random({2}, Dtype::f64, 22),
               b = random({2}, Dtype::f64, 23);
  check_masks({x, w, b},
              [](const std::vector<Tensor>& in) { return batch_norm(in[0], in[1], in[2]).y; });
  const Tensor mean = random({2}, Dtype::f64, 24),
               variance = Tensor::from({0.5, 1.5}, {2}, Dtype::f64);
  check_masks({x, mean, variance, w, b}, [](const std::vector<Tensor>& in) {
    return batch_norm_inference(in[0], in[1], in[2], in[3], in[4]);
  });
}

TEST(BatchNorm, StatisticsHaveNoHistory) {
  const Tensor x = random({3, 2}, Dtype::f32, 25).set_requires_grad();
  const BatchNormResult result = batch_norm(x);
  EXPECT_TRUE(result.y.requires_grad());
  EXPECT_FALSE(result.mean.requires_grad());
  EXPECT_FALSE(result.variance.requires_grad());
}

TEST(BatchNorm, EmptyAxes) {
  EXPECT_EQ(batch_norm(Tensor::ones({3, 0, 2})).y.shape(), (Shape{3, 0, 2}));
  EXPECT_EQ(batch_norm(Tensor::ones({3, 0, 2})).mean.shape(), Shape{0});
  EXPECT_EQ(
      batch_norm_inference(Tensor::ones({0, 2, 3}), Tensor::ones({2}), Tensor::ones({2})).shape(),
      (Shape{0, 2, 3}));
}

TEST(BatchNorm, NamesWhatIsWrongAndTheLine) {
  const Tensor x = Tensor::zeros({2, 3, 4}), four = Tensor::zeros({4}), three = Tensor::zeros({3});
  says(message_of<ShapeError>([&] { batch_norm(x, four); }),
       {"batch_norm: x has 3 channels but w has shape [4]", "x [2, 3, 4] f32 (N, C, ...)",
        "w [4] f32 (C)", "batch_norm_test.cpp"});
  says(message_of<ShapeError>([&] {
         batch_norm(x, three, Tensor::zeros({3, 1}));
       }),
       {"b has shape [3, 1]"});
  says(message_of<ShapeError>([&] { batch_norm(three); }),
       {"x must have at least 2 axes but has 1", "[3]"});
  says(message_of<ShapeError>([&] {
         batch_norm(Tensor::zeros({1, 3}));
       }),
       {"Expected more than 1 value per channel when training, but x has 1", "[1, 3]",
        "batch_norm_inference"});
  says(message_of<ShapeError>([&] { batch_norm(Tensor::zeros({0, 3, 2})); }), {"but x has 0"});
  says(message_of<ShapeError>([&] { batch_norm(Tensor()); }), {"x is an undefined tensor"});
  says(message_of<DtypeError>([&] {
         batch_norm(Tensor::from({1, 2}, {2, 1}));
       }),
       {"x must be f32 or f64 but is i64"});
  says(message_of<DtypeError>([&] { batch_norm(x, three.to(Dtype::f64)); }),
       {"x is f32 but w is f64"});
  says(message_of<DataError>([&] { batch_norm(x, three, three, {.epsilon = -1}); }),
       {"epsilon must be at least 0 but is -1"});
  says(message_of<DataError>([&] { batch_norm(x, three, three, {.epsilon = NAN}); }),
       {"epsilon", "nan"});
  says(message_of<ShapeError>([&] { batch_norm_inference(x, four, three); }),
       {"batch_norm_inference: x has 3 channels but mean has shape [4]", "batch_norm_test.cpp"});
  says(message_of<ShapeError>([&] { batch_norm_inference(x, three, four); }),
       {"variance has shape [4]"});
  says(message_of<ShapeError>([&] { batch_norm_inference(x, Tensor(), three); }),
       {"mean is an undefined tensor"});
}

}  // namespace
}  // namespace tenon
