#include "tenon/ops/elementwise.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "tenon/core/parallel.h"
#include "tenon/ops/arithmetic.h"
#include "tests/ops/unary_cases.h"

namespace tenon {
namespace {

std::vector<UnaryCase> cases() {
  return {
      {"negate", [](const Tensor& x) { return negate(x); }, [](double x) { return -x; }},
      {"abs", [](const Tensor& x) { return abs(x); }, [](double x) { return x < 0 ? -x : x; }},
      {"sign", [](const Tensor& x) { return sign(x); },
       [](double x) { return x < 0   ? -1.0
                             : x > 0 ? 1.0
                                     : 0.0; }},
      {"floor", [](const Tensor& x) { return floor(x); },
       [](double x) { return static_cast<double>(static_cast<int>(x + 10)) - 10; }},
      {"round", [](const Tensor& x) { return round(x); },
       [](double x) { return static_cast<double>(static_cast<int>(x + 10.5)) - 10; }},
      {"square", [](const Tensor& x) { return square(x); }, [](double x) { return x * x; }},
      {"exp", [](const Tensor& x) { return exp(x); }, [](double x) { return std::exp(x); }},
      {"log", [](const Tensor& x) { return log(x); }, [](double x) { return std::log(x); }, 0.2, 4},
      {"log1p", [](const Tensor& x) { return log1p(x); }, [](double x) { return std::log1p(x); },
       -0.7, 3},
      {"expm1", [](const Tensor& x) { return expm1(x); }, [](double x) { return std::expm1(x); }},
      {"sqrt", [](const Tensor& x) { return sqrt(x); }, [](double x) { return std::sqrt(x); }, 0.3,
       5},
      {"rsqrt", [](const Tensor& x) { return rsqrt(x); }, [](double x) { return 1 / std::sqrt(x); },
       0.3, 5},
      {"sin", [](const Tensor& x) { return sin(x); }, [](double x) { return std::sin(x); }},
      {"cos", [](const Tensor& x) { return cos(x); }, [](double x) { return std::cos(x); }},
      {"erf", [](const Tensor& x) { return erf(x); }, [](double x) { return std::erf(x); }},
      {"clamp", [](const Tensor& x) { return clamp(x, {.low = -1.0, .high = 1.5}); },
       [](double x) { return x < -1    ? -1
                             : x > 1.5 ? 1.5
                                       : x; }},
      {"clamp", [](const Tensor& x) { return clamp(x, {.low = 0.25}); },
       [](double x) { return x < 0.25 ? 0.25 : x; }},
  };
}

class Elementwise : public testing::TestWithParam<UnaryCase> {};

TEST_P(Elementwise, MatchesThePlainFunctionInEveryLayout) {
  expect_values_in_every_layout(GetParam());
}
TEST_P(Elementwise, MatchesThePlainFunctionOfAnExpandedView) {
  expect_values_of_repeated_elements(GetParam());
}
TEST_P(Elementwise, HasFirstAndSecondGradients) { expect_gradients(GetParam()); }
TEST_P(Elementwise, RefusesAnUndefinedTensor) {
  expect_undefined_is_refused(GetParam(), "elementwise_test.cpp");
}

INSTANTIATE_TEST_SUITE_P(Functions, Elementwise, testing::ValuesIn(cases()), [](const auto& test) {
  return test.param.name + std::to_string(test.index);
});

TEST(Elementwise, FirstGradientsOfStepFunctionsAreZero) {
  for (const auto& function : {sign, floor, round}) {
    Tensor x = Tensor::from({0.3f, -1.7f}, {2}).set_requires_grad();
    const Tensor dx =
        gradients(function(x, Where::current()), {x}, {.output_gradients = {Tensor::ones({2})}})[0];
    EXPECT_EQ(dx.to_vector<float>(), (std::vector<float>{0, 0}));
  }
}

TEST(Elementwise, RoundsHalvesToEven) {
  const Tensor x = Tensor::from({-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 0.49999997f}, {7});
  const std::vector<double> want{-2, -2, 0, 0, 2, 2, 0};
  EXPECT_TRUE(close(round(x), want));
  EXPECT_TRUE(close(round(x.to(Dtype::f64)), want));
}

TEST(Elementwise, KnowsTheEdgesOfTheRealLine) {
  const float inf = HUGE_VALF;
  const Tensor x = Tensor::from({0.0f, -0.0f, -1.0f, inf, -inf, NAN}, {6});
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor v = x.to(dtype);
    EXPECT_TRUE(close(log(v), {-HUGE_VAL, -HUGE_VAL, NAN, HUGE_VAL, NAN, NAN}));
    EXPECT_TRUE(close(exp(v), {1, 1, std::exp(-1.0), HUGE_VAL, 0, NAN}));
    EXPECT_TRUE(close(sqrt(v), {0, 0, NAN, HUGE_VAL, NAN, NAN}));
    EXPECT_TRUE(close(rsqrt(v), {HUGE_VAL, -HUGE_VAL, NAN, 0, NAN, NAN}));
    EXPECT_TRUE(close(sign(v), {0, 0, -1, 1, -1, 0}));
    EXPECT_TRUE(close(clamp(v, {.low = -0.5, .high = 2}), {0, 0, -0.5, 2, -0.5, NAN}));
    EXPECT_TRUE(close(abs(v), {0, 0, 1, HUGE_VAL, HUGE_VAL, NAN}));
  }
}

TEST(Elementwise, KeepsIntegersOrConvertsThemToF32) {
  const Tensor x = Tensor::from({-3, 0, 4}, {3}, Dtype::i32);
  EXPECT_EQ(negate(x).dtype(), Dtype::i32);
  EXPECT_EQ(negate(x).to_vector<int>(), (std::vector<int>{3, 0, -4}));
  EXPECT_EQ(abs(x).to_vector<int>(), (std::vector<int>{3, 0, 4}));
  EXPECT_EQ(sign(x).to_vector<int>(), (std::vector<int>{-1, 0, 1}));
  EXPECT_EQ(square(x).to_vector<int>(), (std::vector<int>{9, 0, 16}));
  EXPECT_EQ(floor(x).to_vector<int>(), round(x).to_vector<int>());
  EXPECT_EQ(round(x).dtype(), Dtype::i32);
  EXPECT_EQ(square(Tensor::from({true}, {1})).dtype(), Dtype::i64);
  EXPECT_EQ(negate(Tensor::from({5}, {1}, Dtype::u8)).item<int>(), 251);
  const auto least = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(abs(Tensor::from({least}, {1})).item<std::int64_t>(), least);
  EXPECT_EQ(negate(Tensor::from({least}, {1})).item<std::int64_t>(), least);

  for (const auto& function : {exp, expm1, sin, cos, erf}) {
    const Tensor y = function(x, Where::current());
    EXPECT_TRUE(close(y, function(x.to(Dtype::f32), Where::current())));
  }
  EXPECT_TRUE(close(log(Tensor::from({1, 4}, {2}, Dtype::u8)), {0, std::log(4.0)}));
  EXPECT_TRUE(close(exp(Tensor::from({true, false}, {2})), {std::exp(1.0), 1}));
}

TEST(Elementwise, ClampsIntegersAsIntegersUnlessABoundIsFractional) {
  const Tensor x = Tensor::from({-3, 0, 4}, {3}, Dtype::i64);
  EXPECT_EQ(clamp(x, {.low = -1, .high = 3}).dtype(), Dtype::i64);
  EXPECT_TRUE(close(clamp(x, {.low = -1, .high = 3}), {-1, 0, 3}));
  EXPECT_TRUE(close(clamp(x, {.high = 3}), {-3, 0, 3}));
  EXPECT_EQ(clamp(x, {.low = 0.5}).dtype(), Dtype::f32);
  EXPECT_TRUE(close(clamp(x, {.low = 0.5}), {0.5, 0.5, 4}));
  EXPECT_TRUE(close(clamp(Tensor::from({200}, {1}, Dtype::u8), {.low = -5, .high = 1000}), {200}));
  EXPECT_EQ(clamp(Tensor::from({true}, {1}), {.high = 0}).dtype(), Dtype::i64);
  EXPECT_TRUE(close(clamp(Tensor::from({1.0f}, {1}), {.low = 5, .high = 2}),
                    {2}));  // PyTorch: the upper bound wins
}

TEST(Elementwise, GradientsAtKinks) {
  Tensor x = Tensor::from({-1.0f, 0.0f, 2.0f, 3.0f, NAN}, {5}).set_requires_grad();
  const GradientOptions ones{.output_gradients = {Tensor::ones({5})}};
  EXPECT_TRUE(close(gradients(clamp(x, {.low = 0, .high = 2}), {x}, ones)[0], {0, 0, 0, 0, 0}));
  EXPECT_TRUE(close(gradients(clamp(x, {.low = -1, .high = 3}), {x}, ones)[0], {0, 1, 1, 0, 0}));
  EXPECT_TRUE(close(gradients(abs(x), {x}, ones)[0], {-1, 0, 1, 1, 0}));
}

TEST(Elementwise, GivesTheSameBitsInEveryLayoutAndOnEveryThreadCount) {
  const Tensor x = spread({13, 7, 41, 29}, -5, 5, Dtype::f32);
  set_num_threads(1);
  const std::vector<float> want = exp(x).to_vector<float>();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    for (const auto& [name, values] : layouts(x))
      EXPECT_TRUE(exp(values).to_vector<float>() == want) << name;
  }
  set_num_threads(2);
}

TEST(Elementwise, SaysWhatItRefuses) {
  const Tensor mask = Tensor::from({true, false}, {2});
  EXPECT_THAT(
      message_of<DtypeError>([&] { negate(mask); }),
      testing::AllOf(testing::StartsWith("negate: booleans have no negative"),
                     testing::HasSubstr("[2] boolean"), testing::HasSubstr("logical_not(x)"),
                     testing::HasSubstr("elementwise_test.cpp")));
  EXPECT_THAT(message_of<DtypeError>([&] { -mask; }), testing::HasSubstr("elementwise_test.cpp"));
  EXPECT_THAT(message_of<ShapeError>([&] { clamp(Tensor::ones({2}), {.low = NAN}); }),
              testing::StartsWith("clamp: the bounds must be numbers but are nan and inf"));
}

}  // namespace
}  // namespace tenon
