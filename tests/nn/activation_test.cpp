#include "tenon/nn/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/core/function.h"

namespace tenon {
namespace {

const Tensor& inputs() {
  static const Tensor x = Tensor::from({-3.0, -1.0, -0.25, 0.125, 0.5, 2.0}, {2, 3}, Dtype::f64);
  return x;
}

void expect_values(nn::Module& module, FunctionRef<double(double)> formula) {
  std::vector<double> want;
  for (const double x : inputs().to_vector<double>()) want.push_back(formula(x));
  for (const auto& [name, view] : layouts(inputs()))
    EXPECT_TRUE(close(module(view), want)) << module.type_name() << name;
  EXPECT_EQ(module(inputs().to(Dtype::f32)).dtype(), Dtype::f32);
  EXPECT_TRUE(module.parameters().empty());
  const GradientReport report =
      check_gradients([&](const std::vector<Tensor>& in) { return module(in[0]); }, {inputs()});
  EXPECT_TRUE(report.ok) << module.type_name() << ": " << report.message;
}

TEST(ActivationModules, HaveTheValuesOfTheirFormulas) {
  nn::Tanh tanh;
  expect_values(tanh, [](double x) { return std::tanh(x); });
  nn::Sigmoid sigmoid;
  expect_values(sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); });
  nn::Relu relu;
  expect_values(relu, [](double x) { return x > 0 ? x : 0; });
  nn::LeakyRelu leaky, steep(0.2);
  expect_values(leaky, [](double x) { return x > 0 ? x : 0.01 * x; });
  expect_values(steep, [](double x) { return x > 0 ? x : 0.2 * x; });
  nn::Elu elu, wide(2.5);
  expect_values(elu, [](double x) { return x > 0 ? x : std::exp(x) - 1; });
  expect_values(wide, [](double x) { return x > 0 ? x : 2.5 * (std::exp(x) - 1); });
  nn::Gelu gelu;
  expect_values(gelu, [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); });
  nn::Silu silu;
  expect_values(silu, [](double x) { return x / (1 + std::exp(-x)); });
  nn::Softplus softplus;
  expect_values(softplus, [](double x) { return std::log(1 + std::exp(x)); });
}

TEST(ActivationModules, SoftmaxSumsOverItsAxis) {
  const std::vector<double> x = inputs().to_vector<double>();
  for (const std::int64_t axis : {0, 1}) {
    std::vector<double> want(6);
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 3; ++j) {
        double total = 0;
        for (std::size_t k = 0; k < (axis == 0 ? 2U : 3U); ++k)
          total += std::exp(x[axis == 0 ? k * 3 + j : i * 3 + k]);
        want[i * 3 + j] = std::exp(x[i * 3 + j]) / total;
      }
    nn::Softmax softmax(axis);
    nn::LogSoftmax log_softmax(axis);
    EXPECT_TRUE(close(softmax(inputs()), want)) << axis;
    for (double& value : want) value = std::log(value);
    EXPECT_TRUE(close(log_softmax(inputs()), want)) << axis;
  }
  nn::Softmax last, second(1);
  EXPECT_TRUE(close(last(inputs()), second(inputs()), {0, 0}));
}

TEST(ActivationModules, ErrorsNameTheUsersLine) {
  nn::Softmax softmax(2);
  const std::string text = message_of<ShapeError>([&] { softmax(inputs()); });
  EXPECT_NE(text.find("activation_test.cpp"), std::string::npos) << text;
  EXPECT_NE(text.find("in Softmax"), std::string::npos) << text;
}

}  // namespace
}  // namespace tenon
