#include "tenon/nn/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/nn/embedding.h"
#include "tenon/nn/flatten.h"
#include "tenon/nn/init.h"
#include "tenon/nn/layer_norm.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

void expect_gradients_everywhere(nn::Module& layer, const Tensor& x) {
  layer.zero_grad();
  sum(square(layer(x) - 0.3)).backward();
  for (auto [name, tensor] : layer.parameters()) {
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_GT(sum(abs(tensor.grad())).item<double>(), 1e-3) << name;
  }
}

void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Linear, IsAMatrixProductWithBiasAndActivation) {
  Rng rng(1);
  nn::Linear layer(5, 3, rng, {.activation = Activation::tanh});
  nn::init::lecun_normal(layer.weight(), rng);
  nn::init::constant(layer.bias(), 0.5);
  const Tensor x = Tensor::normal({4, 5}, rng);
  const std::vector<double> xs = x.to_vector<double>(), w = layer.weight().to_vector<double>();
  std::vector<double> want;
  for (std::size_t n = 0; n < 4; ++n)
    for (std::size_t o = 0; o < 3; ++o) {
      double y = 0.5;
      for (std::size_t i = 0; i < 5; ++i) y += xs[n * 5 + i] * w[o * 5 + i];
      want.push_back(std::tanh(y));
    }
  for (const auto& [name, view] : layouts(x)) EXPECT_TRUE(close(layer(view), want)) << name;
  expect_gradients_everywhere(layer, x);
}

TEST(Linear, HasNamedGlorotParameters) {
  Rng rng(2);
  nn::Linear layer(200, 100, rng);
  ASSERT_EQ(layer.parameters().size(), 2U);
  EXPECT_EQ(layer.parameters()[0].name, "weight");
  EXPECT_EQ(layer.parameters()[1].name, "bias");
  EXPECT_EQ(layer.weight().shape(), Shape({100, 200}));
  EXPECT_TRUE(close(layer.bias().detach(), Tensor::zeros({100}), {0, 0}));
  const double bound = std::sqrt(6.0 / 300);
  EXPECT_LE(max(abs(layer.weight())).item<double>(), bound);
  EXPECT_GT(max(abs(layer.weight())).item<double>(), 0.99 * bound);
  nn::Linear plain(2, 3, rng, {.bias = false});
  EXPECT_EQ(plain.parameters().size(), 1U);
  EXPECT_FALSE(plain.bias().defined());
  EXPECT_EQ(plain(Tensor::zeros({2})).shape(), Shape({3}));
}

TEST(Linear, SameSeedSameWeights) {
  Rng one(3), two(3), three(4);
  EXPECT_TRUE(close(nn::Linear(4, 4, one).weight().detach(),
                    nn::Linear(4, 4, two).weight().detach(), {0, 0}));
  EXPECT_FALSE(close(nn::Linear(4, 4, one).weight().detach(),
                     nn::Linear(4, 4, three).weight().detach(), {0, 0}));
}

TEST(Linear, RefusesBadSizes) {
  Rng rng(1);
  expect_says(message_of<ShapeError>([&] { nn::Linear(0, 2, rng); }),
              "Linear: in_features must be at least 1 but is 0");
  expect_says(message_of<ShapeError>([&] { nn::Linear(2, -1, rng); }),
              "out_features must be at least 1 but is -1");
  expect_says(message_of<ShapeError>(
                  [&] { nn::Linear(std::int64_t{1} << 40, std::int64_t{1} << 40, rng); }),
              "1099511627776");
}

TEST(LayerNorm, NormalisesTheLastAxes) {
  Rng rng(5);
  nn::LayerNorm layer(Shape{2, 3});
  nn::init::constant(layer.weight(), 2);
  nn::init::constant(layer.bias(), -1);
  const Tensor x = Tensor::normal({4, 2, 3}, rng, {.mean = 3});
  const std::vector<double> xs = x.to_vector<double>();
  std::vector<double> want(xs.size());
  for (std::size_t n = 0; n < 4; ++n) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < 6; ++i) mean += xs[n * 6 + i] / 6;
    for (std::size_t i = 0; i < 6; ++i) variance += std::pow(xs[n * 6 + i] - mean, 2) / 6;
    for (std::size_t i = 0; i < 6; ++i)
      want[n * 6 + i] = 2 * (xs[n * 6 + i] - mean) / std::sqrt(variance + 1e-5) - 1;
  }
  for (const auto& [name, view] : layouts(x)) EXPECT_TRUE(close(layer(view), want)) << name;
  expect_gradients_everywhere(layer, x);

  nn::LayerNorm plain(3, {.affine = false});
  EXPECT_TRUE(plain.parameters().empty());
  EXPECT_NEAR(mean(plain(x)).item<double>(), 0, 1e-6);
  expect_says(message_of<ShapeError>([] { nn::LayerNorm(Shape{}); }),
              "shape needs at least one axis");
  expect_says(message_of<ShapeError>([] { nn::LayerNorm(0); }),
              "each size of shape must be at least 1");
  expect_says(message_of<ShapeError>([] { nn::LayerNorm(2, {.epsilon = -1}); }),
              "epsilon must be at least 0");
}

TEST(Embedding, TakesRowsOfItsTable) {
  Rng rng(6);
  nn::Embedding layer(7, 3, rng);
  EXPECT_EQ(layer.weight().shape(), Shape({7, 3}));
  const Tensor index = Tensor::from({6, 0, 3, 3}, {2, 2});
  const Tensor y = layer(index);
  ASSERT_EQ(y.shape(), Shape({2, 2, 3}));
  const std::vector<float> table = layer.weight().to_vector<float>(), got = y.to_vector<float>();
  const std::vector<std::size_t> rows = {6, 0, 3, 3};
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t d = 0; d < 3; ++d) EXPECT_EQ(got[i * 3 + d], table[rows[i] * 3 + d]);
  expect_gradients_everywhere(layer, index);
  expect_says(message_of<ShapeError>([&] { nn::Embedding(0, 3, rng); }),
              "num_embeddings must be at least 1");
  expect_says(message_of<ShapeError>([&] { nn::Embedding(3, 0, rng); }),
              "embedding_dim must be at least 1");
}

TEST(Flatten, JoinsAxes) {
  nn::Flatten all, middle(1, 2);
  const Tensor x = Tensor::from({0, 1, 2, 3, 4, 5, 6, 7}, {2, 2, 1, 2});
  EXPECT_EQ(all(x).shape(), Shape({2, 4}));
  EXPECT_EQ(all(x).to_vector<int>(), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(middle(x).shape(), Shape({2, 2, 2}));
  expect_says(message_of<ShapeError>([&] { all(Tensor::ones({3})); }), "linear_test.cpp");
}

}  // namespace
}  // namespace tenon
