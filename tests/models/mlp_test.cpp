#include "models/mlp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

TEST(Mlp, NamesItsLayers) {
  Rng rng(1);
  const models::Mlp model({784, 512, 512, 10}, rng);
  EXPECT_EQ(model.num_parameters(), 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10);
  std::string text;
  for (const auto& [name, tensor] : model.parameters()) text += name + " ";
  EXPECT_EQ(text, "fc1.weight fc1.bias fc2.weight fc2.bias fc3.weight fc3.bias ");
}

TEST(Mlp, FlattensAndActivatesAllButTheLastLayer) {
  Rng rng(2);
  models::Mlp model({6, 4, 3}, rng, {.activation = Activation::sigmoid});
  const Tensor x = Tensor::normal({2, 1, 2, 3}, rng);
  const std::vector<double> xs = x.to_vector<double>();
  const std::vector<double> w1 = model.parameters().at("fc1.weight").to_vector<double>();
  const std::vector<double> w2 = model.parameters().at("fc2.weight").to_vector<double>();
  std::vector<double> want;
  for (std::size_t n = 0; n < 2; ++n) {
    std::vector<double> hidden(4, 0.0);
    for (std::size_t o = 0; o < 4; ++o) {
      for (std::size_t i = 0; i < 6; ++i) hidden[o] += w1[o * 6 + i] * xs[n * 6 + i];
      hidden[o] = 1 / (1 + std::exp(-hidden[o]));
    }
    for (std::size_t o = 0; o < 3; ++o) {
      want.push_back(0);
      for (std::size_t i = 0; i < 4; ++i) want.back() += w2[o * 4 + i] * hidden[i];
    }
  }
  EXPECT_TRUE(close(model(x), want));
  sum(square(model(x))).backward();
  for (auto [name, tensor] : model.parameters())
    EXPECT_GT(sum(abs(tensor.grad())).item<double>(), 0) << name;
}

TEST(Mlp, RefusesBadSizes) {
  Rng rng(3);
  const std::string one = message_of<ShapeError>([&] { models::Mlp({784}, rng); });
  EXPECT_NE(one.find("Mlp: there must be at least two sizes, not 1"), std::string::npos) << one;
  EXPECT_NE(one.find("mlp_test.cpp"), std::string::npos) << one;
  const std::string zero = message_of<ShapeError>([&] { models::Mlp({784, 0, 10}, rng); });
  EXPECT_NE(zero.find("Linear: out_features must be at least 1 but is 0"), std::string::npos)
      << zero;
  EXPECT_NE(zero.find("mlp_test.cpp"), std::string::npos) << zero;
}

}  // namespace
}  // namespace tenon
