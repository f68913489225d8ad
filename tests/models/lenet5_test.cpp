#include "models/lenet5.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/nn/init.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/loss.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

using Values = std::vector<double>;

/// tanh(conv 5x5 + bias) of one image [in, size, size], then the average of each 2x2.
Values conv_tanh_pool(const Values& x, std::size_t in, std::size_t size, std::size_t out,
                      const Values& w, const Values& b) {
  const std::size_t wide = size - 4, half = wide / 2;
  Values y(out * half * half, 0.0);
  for (std::size_t o = 0; o < out; ++o)
    for (std::size_t i = 0; i < wide; ++i)
      for (std::size_t j = 0; j < wide; ++j) {
        double total = b[o];
        for (std::size_t c = 0; c < in; ++c)
          for (std::size_t u = 0; u < 5; ++u)
            for (std::size_t v = 0; v < 5; ++v)
              total += x[(c * size + i + u) * size + j + v] * w[((o * in + c) * 5 + u) * 5 + v];
        y[(o * half + i / 2) * half + j / 2] += std::tanh(total) / 4;
      }
  return y;
}

Values linear(const Values& x, const Values& w, const Values& b) {
  Values y = b;
  for (std::size_t o = 0; o < b.size(); ++o)
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
  return y;
}

Values tanh_of(Values x) {
  for (double& value : x) value = std::tanh(value);
  return x;
}

TEST(LeNet5, HasTheParametersOfThePaper) {
  Rng rng(1);
  const models::LeNet5 model(rng);
  EXPECT_EQ(model.num_parameters(), 44426);
  EXPECT_EQ(model.type_name(), "LeNet5");
  std::string text;
  for (const auto& [name, tensor] : model.parameters())
    text += name + to_string(tensor.shape()) + " ";
  EXPECT_EQ(text,
            "conv1.weight[6, 1, 5, 5] conv1.bias[6] conv2.weight[16, 6, 5, 5] conv2.bias[16] "
            "fc1.weight[120, 256] "
            "fc1.bias[120] fc2.weight[84, 120] fc2.bias[84] fc3.weight[10, 84] fc3.bias[10] ");
  text.clear();
  for (const auto& [name, module] : model.children()) text += name + " ";
  EXPECT_EQ(text, "conv1 pool1 conv2 pool2 fc1 fc2 fc3 ");
}

TEST(LeNet5, ForwardIsThatOfPlainLoops) {
  Rng rng(2);
  models::LeNet5 model(rng);
  for (auto [name, tensor] : model.parameters())
    if (name.ends_with("bias")) nn::init::constant(tensor, 0.1);
  const Tensor x = Tensor::uniform({3, 1, 28, 28}, rng);
  const auto values_of = [&](const std::string& name) {
    return model.parameters().at(name).to_vector<double>();
  };
  const Values images = x.to_vector<double>();
  Values want;
  for (std::size_t n = 0; n < 3; ++n) {
    Values y(images.begin() + static_cast<std::ptrdiff_t>(n * 784),
             images.begin() + static_cast<std::ptrdiff_t>(n * 784 + 784));
    y = conv_tanh_pool(y, 1, 28, 6, values_of("conv1.weight"), values_of("conv1.bias"));
    y = conv_tanh_pool(y, 6, 12, 16, values_of("conv2.weight"), values_of("conv2.bias"));
    y = tanh_of(linear(y, values_of("fc1.weight"), values_of("fc1.bias")));
    y = tanh_of(linear(y, values_of("fc2.weight"), values_of("fc2.bias")));
    y = linear(y, values_of("fc3.weight"), values_of("fc3.bias"));
    want.insert(want.end(), y.begin(), y.end());
  }
  for (const auto& [name, view] : layouts(x)) EXPECT_TRUE(close(model(view), want)) << name;
  model.to(Dtype::f64);
  EXPECT_TRUE(close(model(x.to(Dtype::f64)), want));
}

TEST(LeNet5, GradientsReachAllParameters) {
  Rng rng(3);
  models::LeNet5 model(rng);
  cross_entropy(model(Tensor::uniform({4, 1, 28, 28}, rng)), Tensor::from({1, 0, 9, 3}, {4}))
      .backward();
  for (auto [name, tensor] : model.parameters()) {
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_EQ(tensor.grad().shape(), tensor.shape()) << name;
    EXPECT_GT(sum(abs(tensor.grad())).item<double>(), 1e-6) << name;
  }
}

TEST(LeNet5, ErrorsNameTheLayerAndTheUsersLine) {
  Rng rng(4);
  models::LeNet5 model(rng);
  const std::string text = message_of<ShapeError>([&] { model(Tensor::zeros({2, 3, 28, 28})); });
  for (const char* part : {"conv2d", "LeNet5.conv1", "[2, 3, 28, 28]", "[6, 1, 5, 5]",
                           "at lenet5.cpp:", "called from lenet5_test.cpp:"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_THROW(model(Tensor::zeros({2, 1, 32, 32})), ShapeError);
}

}  // namespace
}  // namespace tenon
