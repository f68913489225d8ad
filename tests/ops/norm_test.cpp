#include "tenon/ops/norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

using Values = std::vector<double>;

constexpr double kEpsilon = 1e-5;

Tensor random(const Shape& shape, Dtype dtype, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::normal(shape, rng, {.mean = 0.5, .stddev = 2, .dtype = dtype});
}

/// Element i (row-major) of x belongs to group_of[i], and takes weight parameter_of[i].
struct Groups {
  std::vector<std::size_t> group_of, parameter_of;
  std::size_t groups = 0, parameters = 0;
};

Groups by_channel(const Tensor& x) {
  std::int64_t spatial = 1;
  for (std::int64_t axis = 2; axis < x.rank(); ++axis) spatial *= x.size(axis);
  Groups g;
  g.groups = g.parameters = static_cast<std::size_t>(x.size(1));
  for (std::int64_t i = 0; i < x.numel(); ++i)
    g.group_of.push_back(static_cast<std::size_t>(i / spatial % x.size(1)));
  g.parameter_of = g.group_of;
  return g;
}

Groups by_layer(const Tensor& x, const Shape& shape) {
  const std::int64_t size = shape.numel();
  Groups g;
  g.parameters = static_cast<std::size_t>(size);
  g.groups = size == 0 ? 0 : static_cast<std::size_t>(x.numel() / size);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    g.group_of.push_back(static_cast<std::size_t>(i / size));
    g.parameter_of.push_back(static_cast<std::size_t>(i % size));
  }
  return g;
}

struct Expected {
  Values y, mean, variance;
};

Expected expected(const Tensor& x, const Groups& g, const Tensor& w, const Tensor& b) {
  const Values xv = x.to_vector<double>();
  const Values wv = w.defined() ? w.to_vector<double>() : Values(g.parameters, 1);
  const Values bv = b.defined() ? b.to_vector<double>() : Values(g.parameters, 0);
  Expected e;
  Values count(g.groups);
  e.mean.resize(g.groups);
  e.variance.resize(g.groups);
  for (std::size_t i = 0; i < xv.size(); ++i)
    e.mean[g.group_of[i]] += xv[i], count[g.group_of[i]] += 1;
  for (std::size_t i = 0; i < g.groups; ++i) e.mean[i] /= count[i];
  for (std::size_t i = 0; i < xv.size(); ++i)
    e.variance[g.group_of[i]] += std::pow(xv[i] - e.mean[g.group_of[i]], 2);
  for (std::size_t i = 0; i < g.groups; ++i) e.variance[i] /= count[i];
  for (std::size_t i = 0; i < xv.size(); ++i) {
    const std::size_t group = g.group_of[i], parameter = g.parameter_of[i];
    e.y.push_back((xv[i] - e.mean[group]) / std::sqrt(e.variance[group] + kEpsilon) *
                      wv[parameter] +
                  bv[parameter]);
  }
  return e;
}

const Shape kImageShapes[] = {{2, 1},        {7, 3},          {5, 16},      {2, 3, 1},
                              {3, 2, 5},     {1, 4, 3},       {4, 3, 5, 2}, {2, 16, 3, 3},
                              {3, 32, 4, 5}, {2, 2, 2, 3, 2}, {33, 5, 7, 9}};

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

/// The gradients of sum(y * dy) in f32 against those of f64 values that check_gradients has
/// confirmed.
TEST(BatchNorm, GradientsInF32OfAllLayouts) {
  for (const Shape& shape : kImageShapes) {
    const Tensor x = random(shape, Dtype::f32, 9), w = random({shape[1]}, Dtype::f32, 10),
                 b = random({shape[1]}, Dtype::f32, 11);
    const Tensor dy = random(shape, Dtype::f32, 12);
    const auto run = [&](const Tensor& in, const Tensor& dy_in, Dtype dtype) {
      const auto leaf = [&](const Tensor& t) { return t.to(dtype).detach().set_requires_grad(); };
      const Tensor xl = dtype == Dtype::f32 ? in.detach().set_requires_grad() : leaf(in),
                   wl = leaf(w), bl = leaf(b);
      return gradients(batch_norm(xl, wl, bl).y, {xl, wl, bl},
                       {.output_gradients = {dy_in.to(dtype)}});
    };
    const auto want = run(x, dy, Dtype::f64);
    for (const auto& [name, layout] : layouts(x)) {
      for (const auto& [dy_name, dy_layout] : layouts(dy)) {
        const auto got = run(layout, dy_layout, Dtype::f32);
        for (std::size_t i = 0; i < 3; ++i)
          EXPECT_TRUE(close(got[i], want[i].to(Dtype::f32), {1e-4, 1e-4}))
              << name << ", dy " << dy_name << ", input " << i << " " << to_string(shape);
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

/// Every subset of the inputs: exactly those get a gradient, the same as when all do.
void check_masks(const std::vector<Tensor>& values,
                 const std::function<Tensor(const std::vector<Tensor>&)>& f) {
  const auto run = [&](unsigned mask) {
    std::vector<Tensor> in;
    for (std::size_t i = 0; i < values.size(); ++i) {
      in.push_back(values[i].clone());
      if (mask >> i & 1U) in.back().set_requires_grad();
    }
    const Tensor y = f(in);
    Rng rng(20);
    y.backward({.output_gradients = {Tensor::normal(y.shape(), rng, {.dtype = y.dtype()})}});
    return in;
  };
  const unsigned all = (1U << values.size()) - 1;
  const std::vector<Tensor> full = run(all);
  for (unsigned mask = 1; mask < all; ++mask) {
    const std::vector<Tensor> in = run(mask);
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(in[i].grad().defined(), (mask >> i & 1U) != 0) << mask << " " << i;
      if (in[i].grad().defined()) {
        EXPECT_TRUE(close(in[i].grad(), full[i].grad())) << mask << " " << i;
      }
    }
  }
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

struct LayerCase {
  Shape x, shape;
};
const LayerCase kLayerCases[] = {{{4}, {4}},
                                 {{1, 1}, {1}},
                                 {{3, 5}, {5}},
                                 {{3, 5}, {3, 5}},
                                 {{2, 3, 7}, {7}},
                                 {{2, 3, 7}, {3, 7}},
                                 {{6, 2, 3, 4}, {2, 3, 4}},
                                 {{6, 2, 3, 4}, {4}},
                                 {{70, 65}, {65}},
                                 {{5, 1, 300}, {300}},
                                 {{300, 70}, {70}}};

TEST(LayerNorm, AllLayoutsSizesAndDtypes) {
  for (const LayerCase& c : kLayerCases) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor x = random(c.x, dtype, 26), w = random(c.shape, dtype, 27),
                   b = random(c.shape, dtype, 28);
      const std::pair<Tensor, Tensor> parameters[] = {
          {w, b}, {sliced(w), sliced(b)}, {{}, {}}, {w, {}}, {{}, b}};
      for (const auto& [weight, bias] : parameters) {
        const Expected want = expected(x, by_layer(x, c.shape), weight, bias);
        for (const auto& [name, layout] : layouts(x)) {
          const Tensor y = layer_norm(layout, c.shape, weight, bias);
          ASSERT_EQ(y.shape(), c.x);
          EXPECT_TRUE(close(y, want.y))
              << name << " " << to_string(c.x) << " over " << to_string(c.shape);
          if (is_dense(c.x, layout.strides())) {
            EXPECT_EQ(order_of(y), order_of(layout)) << name;
          }
        }
      }
    }
  }
}

TEST(LayerNorm, GradientsInF32OfAllLayouts) {
  for (const LayerCase& c : kLayerCases) {
    const Tensor x = random(c.x, Dtype::f32, 29), w = random(c.shape, Dtype::f32, 30),
                 b = random(c.shape, Dtype::f32, 31);
    const Tensor dy = random(c.x, Dtype::f32, 32);
    const auto run = [&](const Tensor& in, const Tensor& dy_in, Dtype dtype) {
      const auto leaf = [&](const Tensor& t) { return t.to(dtype).detach().set_requires_grad(); };
      const Tensor xl = dtype == Dtype::f32 ? in.detach().set_requires_grad() : leaf(in),
                   wl = leaf(w), bl = leaf(b);
      return gradients(layer_norm(xl, c.shape, wl, bl), {xl, wl, bl},
                       {.output_gradients = {dy_in.to(dtype)}});
    };
    const auto want = run(x, dy, Dtype::f64);
    for (const auto& [name, layout] : layouts(x)) {
      for (const auto& [dy_name, dy_layout] : layouts(dy)) {
        const auto got = run(layout, dy_layout, Dtype::f32);
        for (std::size_t i = 0; i < 3; ++i)
          EXPECT_TRUE(close(got[i], want[i].to(Dtype::f32), {1e-4, 1e-4}))
              << name << ", dy " << dy_name << ", input " << i << " " << to_string(c.x)
              << to_string(c.shape);
      }
    }
  }
}

TEST(LayerNorm, FirstAndSecondGradients) {
  for (const LayerCase& c :
       {LayerCase{{3, 4}, {4}}, {{2, 3, 2}, {2}}, {{2, 3, 2}, {3, 2}}, {{4, 3}, {4, 3}}}) {
    const Tensor x = random(c.x, Dtype::f64, 33), w = random(c.shape, Dtype::f64, 34),
                 b = random(c.shape, Dtype::f64, 35);
    for (const auto& [name, layout] : layouts(x)) {
      const auto f = [&](const std::vector<Tensor>& in) {
        return layer_norm(in[0], c.shape, in[1], in[2]);
      };
      const GradientReport first = check_gradients(f, {layout, w, b}),
                           second = check_second_gradients(f, {layout, w, b});
      EXPECT_TRUE(first.ok) << name << first.message;
      EXPECT_TRUE(second.ok) << name << second.message;
      const auto plain = [&](const std::vector<Tensor>& in) { return layer_norm(in[0], c.shape); };
      EXPECT_TRUE(check_gradients(plain, {layout}).ok) << check_gradients(plain, {layout}).message;
    }
  }
}

TEST(LayerNorm, ComputesOnlyTheGradientsThatAreNeeded) {
  const Tensor x = random({3, 5}, Dtype::f64, 36), w = random({5}, Dtype::f64, 37),
               b = random({5}, Dtype::f64, 38);
  check_masks({x, w, b},
              [](const std::vector<Tensor>& in) { return layer_norm(in[0], {5}, in[1], in[2]); });
}

TEST(LayerNorm, EmptyAxes) {
  EXPECT_EQ(layer_norm(Tensor::ones({3, 0}), {0}).shape(), (Shape{3, 0}));
  EXPECT_EQ(layer_norm(Tensor::ones({0, 4}), {4}).shape(), (Shape{0, 4}));
  Tensor x = Tensor::ones({0, 4}).set_requires_grad(), w = Tensor::ones({4}).set_requires_grad();
  const auto grads = gradients(sum(layer_norm(x, {4}, w)), {x, w});
  EXPECT_EQ(grads[0].shape(), (Shape{0, 4}));
  EXPECT_TRUE(close(grads[1], Tensor::zeros({4})));
}

void says(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(BatchNorm, NamesWhatIsWrongAndTheLine) {
  const Tensor x = Tensor::zeros({2, 3, 4}), four = Tensor::zeros({4}), three = Tensor::zeros({3});
  says(message_of<ShapeError>([&] { batch_norm(x, four); }),
       {"batch_norm: x has 3 channels but w has shape [4]", "x [2, 3, 4] f32 (N, C, ...)",
        "w [4] f32 (C)", "norm_test.cpp"});
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
       {"batch_norm_inference: x has 3 channels but mean has shape [4]", "norm_test.cpp"});
  says(message_of<ShapeError>([&] { batch_norm_inference(x, three, four); }),
       {"variance has shape [4]"});
  says(message_of<ShapeError>([&] { batch_norm_inference(x, Tensor(), three); }),
       {"mean is an undefined tensor"});
}

TEST(LayerNorm, NamesWhatIsWrongAndTheLine) {
  const Tensor x = Tensor::zeros({2, 3, 4});
  says(message_of<ShapeError>([&] { layer_norm(x, {3}); }),
       {"layer_norm: x [2, 3, 4] does not end in [3]", "norm_test.cpp"});
  says(message_of<ShapeError>([&] {
         layer_norm(x, {1, 2, 3, 4});
       }),
       {"does not end in [1, 2, 3, 4]"});
  says(message_of<ShapeError>([&] { layer_norm(x, {}); }), {"does not end in []", "at least one"});
  says(message_of<ShapeError>([&] {
         layer_norm(x, {3, 4}, Tensor::zeros({4}));
       }),
       {"w must have shape [3, 4] but has [4]"});
  says(message_of<ShapeError>([&] { layer_norm(x, {4}, {}, Tensor::zeros({3})); }),
       {"b must have shape [4] but has [3]"});
  says(message_of<DtypeError>(
           [&] { layer_norm(x, {4}, Tensor::zeros({4}, {.dtype = Dtype::f64})); }),
       {"x is f32 but w is f64"});
  says(message_of<DataError>([&] { layer_norm(x, {4}, {}, {}, {.epsilon = -0.5}); }),
       {"epsilon must be at least 0 but is -0.5"});
}

}  // namespace
}  // namespace tenon
