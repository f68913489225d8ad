#include "tenon/ops/activation.h"

#include <cmath>

#include "tenon/ops/arithmetic.h"
#include "tests/ops/unary_cases.h"

namespace tenon {
namespace {

double normal_distribution(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }

std::vector<UnaryCase> cases() {
  return {
      {"tanh", [](const Tensor& x) { return tanh(x); }, [](double x) { return std::tanh(x); }},
      {"sigmoid", [](const Tensor& x) { return sigmoid(x); },
       [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"relu", [](const Tensor& x) { return relu(x); }, [](double x) { return x > 0 ? x : 0; }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); },
       [](double x) { return x > 0 ? x : 0.01 * x; }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, -0.5); },
       [](double x) { return x > 0 ? x : -0.5 * x; }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0); },
       [](double x) { return x > 0 ? x : 0; }},
      {"elu", [](const Tensor& x) { return elu(x); },
       [](double x) { return x > 0 ? x : std::exp(x) - 1; }},
      {"elu", [](const Tensor& x) { return elu(x, 0.3); },
       [](double x) { return x > 0 ? x : 0.3 * (std::exp(x) - 1); }},
      {"elu", [](const Tensor& x) { return elu(x, -0.3); },
       [](double x) { return x > 0 ? x : -0.3 * (std::exp(x) - 1); }},
      {"gelu", [](const Tensor& x) { return gelu(x); },
       [](double x) { return x * normal_distribution(x); }},
      {"silu", [](const Tensor& x) { return silu(x); },
       [](double x) { return x / (1 + std::exp(-x)); }},
      {"softplus", [](const Tensor& x) { return softplus(x); },
       [](double x) { return std::log(1 + std::exp(x)); }},
  };
}

class ActivationFunction : public testing::TestWithParam<UnaryCase> {};

TEST_P(ActivationFunction, MatchesThePlainFunctionInEveryLayout) {
  expect_values_in_every_layout(GetParam());
}
TEST_P(ActivationFunction, MatchesThePlainFunctionOfAnExpandedView) {
  expect_values_of_repeated_elements(GetParam());
}
TEST_P(ActivationFunction, HasFirstAndSecondGradients) { expect_gradients(GetParam()); }
TEST_P(ActivationFunction, RefusesAnUndefinedTensor) {
  expect_undefined_is_refused(GetParam(), "activation_test.cpp");
}

INSTANTIATE_TEST_SUITE_P(Functions, ActivationFunction, testing::ValuesIn(cases()),
                         [](const auto& test) {
                           return test.param.name + std::to_string(test.index);
                         });

TEST(ActivationFunction, IsStableFarFromZero) {
  const std::vector<float> far{-1000, -100, 100, 1000, HUGE_VALF, -HUGE_VALF, NAN};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor x = Tensor::from(far, {7}, dtype);
    EXPECT_TRUE(close(tanh(x), {-1, -1, 1, 1, 1, -1, NAN}));
    EXPECT_TRUE(close(sigmoid(x), {0, std::exp(-100.0), 1, 1, 1, 0, NAN}));
    EXPECT_TRUE(close(softplus(x), {0, std::exp(-100.0), 100, 1000, HUGE_VAL, 0, NAN}));
    EXPECT_TRUE(close(relu(x), {0, 0, 100, 1000, HUGE_VAL, 0, NAN}));
    EXPECT_TRUE(close(elu(x), {-1, -1, 100, 1000, HUGE_VAL, -1, NAN}));
    EXPECT_TRUE(close(gelu(Tensor::from({-10.0, 10.0}, {2}, dtype)),
                      Tensor::from({-10 * 7.619853024160527e-24, 10.0}, {2}, dtype), {1e-6, 0}));
  }
}

TEST(ActivationFunction, TakesIntegersWherePyTorchDoes) {
  const Tensor x = Tensor::from({-2, 0, 3}, {3}, Dtype::i64);
  EXPECT_EQ(relu(x).dtype(), Dtype::i64);
  EXPECT_TRUE(close(relu(x), {0, 0, 3}));
  EXPECT_EQ(tanh(x).dtype(), Dtype::f32);
  EXPECT_TRUE(close(tanh(x), {std::tanh(-2.0), 0, std::tanh(3.0)}));
  EXPECT_TRUE(close(sigmoid(x), {1 / (1 + std::exp(2.0)), 0.5, 1 / (1 + std::exp(-3.0))}));
  for (const auto& [name, call] : std::vector<std::pair<std::string, std::function<void()>>>{
           {"leaky_relu", [&] { leaky_relu(x); }},
           {"elu", [&] { elu(x); }},
           {"gelu", [&] { gelu(x); }},
           {"silu", [&] { silu(x); }},
           {"softplus", [&] { softplus(x); }}})
    EXPECT_THAT(
        message_of<DtypeError>(call),
        testing::AllOf(testing::StartsWith(name + ": x must be f32 or f64 but is i64"),
                       testing::HasSubstr("[3] i64"), testing::HasSubstr("activation_test.cpp")));
}

TEST(ActivationFunction, HasAZeroGradientAtReluKinks) {
  Tensor x = Tensor::from({-1.0f, 0.0f, 1.0f}, {3}).set_requires_grad();
  const GradientOptions ones{.output_gradients = {Tensor::ones({3})}};
  EXPECT_TRUE(close(gradients(relu(x), {x}, ones)[0], {0, 0, 1}));
  EXPECT_TRUE(close(gradients(leaky_relu(x, 0.5), {x}, ones)[0], {0.5, 0.5, 1}));
}

constexpr Activation kAll[] = {Activation::none, Activation::tanh,       Activation::sigmoid,
                               Activation::relu, Activation::leaky_relu, Activation::elu,
                               Activation::gelu, Activation::silu};

TEST(Activate, IsTheFunctionOfThatName) {
  const Tensor x = spread({3, 5}, -2, 2, Dtype::f32);
  const Tensor want[] = {x, tanh(x), sigmoid(x), relu(x), leaky_relu(x), elu(x), gelu(x), silu(x)};
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_TRUE(close(activate(x, kAll[i]), want[i], {0, 0})) << i;
  EXPECT_THAT(message_of<ShapeError>([] { activate(Tensor(), Activation::none); }),
              testing::StartsWith("activate: x is"));
}

TEST(ActivationGradient, IsTheGradientFromTheOutputAlone) {
  for (const Activation activation : kAll) {
    if (!has_gradient_from_output(activation)) continue;
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      Tensor x = spread({4, 5}, -2, 2, dtype).set_requires_grad();
      const Tensor dy = spread({4, 5}, -1, 1, dtype, 3);
      const Tensor y = activate(x, activation);
      const Tensor want =
          activation == Activation::none ? dy : gradients(y, {x}, {.output_gradients = {dy}})[0];
      for (const auto& [name, out] : layouts(y.detach()))
        EXPECT_TRUE(close(activation_gradient(dy, out, activation), want))
            << name << static_cast<int>(activation);
    }
  }
}

TEST(ActivationGradient, IsDifferentiableInBothOperands) {
  const Tensor dy = spread({3, 4}, -1, 1, Dtype::f64), y = spread({3, 4}, -0.9, 0.9, Dtype::f64, 7);
  for (const Activation activation : kAll) {
    if (!has_gradient_from_output(activation)) continue;
    const auto function = [&](const std::vector<Tensor>& in) {
      return activation_gradient(in[0], in[1], activation) * in[1];
    };
    EXPECT_TRUE(check_gradients(function, {dy, y}).ok) << static_cast<int>(activation);
    EXPECT_TRUE(check_second_gradients(function, {dy, y}).ok) << static_cast<int>(activation);
    // Each of the operands alone.
    const auto of_dy = [&](const std::vector<Tensor>& in) {
      return activation_gradient(in[0], y, activation);
    };
    EXPECT_TRUE(check_gradients(of_dy, {dy}).ok) << static_cast<int>(activation);
    if (activation == Activation::tanh || activation == Activation::sigmoid ||
        activation == Activation::elu) {
      const auto of_y = [&](const std::vector<Tensor>& in) {
        return activation_gradient(dy, in[0], activation);
      };
      EXPECT_TRUE(check_gradients(of_y, {y}).ok) << static_cast<int>(activation);
    }
  }
}

TEST(ActivationGradient, SaysWhatItRefuses) {
  const Tensor x = Tensor::ones({2, 3});
  EXPECT_THAT(message_of<GradientError>([&] { activation_gradient(x, x, Activation::gelu); }),
              testing::HasSubstr("activation_gradient: the gradient of gelu needs x, not y alone"));
  EXPECT_THAT(message_of<GradientError>([&] { activation_gradient(x, x, Activation::silu); }),
              testing::HasSubstr("silu"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                activation_gradient(x, Tensor::ones({3, 2}), Activation::tanh);
              }),
              testing::AllOf(testing::HasSubstr("dy and y must have one shape"),
                             testing::HasSubstr("[2, 3]"), testing::HasSubstr("[3, 2]"),
                             testing::HasSubstr("activation_test.cpp")));
  EXPECT_THAT(
      message_of<DtypeError>([&] { activation_gradient(x, x.to(Dtype::f64), Activation::tanh); }),
      testing::HasSubstr("dy is f32 but y is f64"));
}

}  // namespace
}  // namespace tenon
