#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/norm.h"
#include "tenon/ops/reduce.h"
#include "tests/ops/norm_oracle.h"

namespace tenon {
namespace {

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

TEST(LayerNorm, GradientsOfAllLayouts) {
  for (const LayerCase& c : kLayerCases) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      // Sums of up to 1600 products in float.
      const Tolerance tolerance =
          dtype == Dtype::f32 ? Tolerance{1e-4, 1e-4} : Tolerance{1e-9, 1e-9};
      const Tensor x = random(c.x, dtype, 9), w = random(c.shape, dtype, 10);
      const Tensor b = random(c.shape, dtype, 11), dy = random(c.x, dtype, 12);
      const ExpectedGradients want = expected_gradients(x, by_layer(x, c.shape), w, dy);
      const Values* const wanted[] = {&want.dx, &want.dw, &want.db};
      for (const auto& [name, layout] : layouts(x)) {
        for (const auto& [dy_name, dy_layout] : layouts(dy)) {
          const std::vector<Tensor> in = {layout.detach().set_requires_grad(),
                                          w.detach().set_requires_grad(),
                                          b.detach().set_requires_grad()};
          const auto got = gradients(layer_norm(in[0], c.shape, in[1], in[2]), in,
                                     {.output_gradients = {dy_layout}});
          for (std::size_t i = 0; i < 3; ++i)
            EXPECT_TRUE(close(got[i], Tensor::from(*wanted[i], in[i].shape(), dtype), tolerance))
                << name << ", dy " << dy_name << ", input " << i << " " << to_string(x.shape());
        }
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

TEST(LayerNorm, NamesWhatIsWrongAndTheLine) {
  const Tensor x = Tensor::zeros({2, 3, 4});
  says(message_of<ShapeError>([&] { layer_norm(x, {3}); }),
       {"layer_norm: x [2, 3, 4] does not end in [3]", "layer_norm_test.cpp"});
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
