#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/simd.h"
#include "tenon/core/random.h"
#include "tenon/kernels/simd/elementwise.h"

namespace tenon::kernels {
namespace {

/// How many units in the last place of the correctly rounded f32 `got` is from `want`; 0 for two
/// NaNs or equal infinities. The unit of denormals is 2^-149.
double ulps(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isnan(got)) return HUGE_VAL;
  const auto rounded = static_cast<float>(want);
  if (got == rounded) return 0;
  // Beyond the greatest f32 the next one would be 2^128.
  const double value = std::isinf(got) ? std::copysign(0x1p128, got) : static_cast<double>(got);
  const double wanted = std::abs(want) > 0x1p128 ? std::copysign(0x1p128, want) : want;
  const int exponent = std::max(std::ilogb(wanted == 0 ? 0x1p-149 : wanted), -126);
  return std::abs(value - wanted) / std::ldexp(1.0, exponent - 23);
}

/// Random bit patterns of the whole range, values within +-100, and the special ones.
std::vector<float> inputs() {
  std::vector<float> x{0.0f,
                       -0.0f,
                       1.0f,
                       -1.0f,
                       HUGE_VALF,
                       -HUGE_VALF,
                       NAN,
                       -NAN,
                       std::numeric_limits<float>::denorm_min(),
                       -std::numeric_limits<float>::denorm_min(),
                       std::numeric_limits<float>::min(),
                       -std::numeric_limits<float>::min(),
                       std::numeric_limits<float>::max(),
                       -std::numeric_limits<float>::max(),
                       88.72283f,
                       88.72284f,
                       -87.33654f,
                       -103.97208f,
                       -103.97209f,
                       -104.5f,
                       9.01f,
                       10.0f,
                       0.34657f,
                       0.34658f};
  for (std::uint64_t i = 0; i < 150000; ++i) {
    const RandomBlock block = random_block(11, i);
    x.push_back(std::bit_cast<float>(block.words[0]));
    x.push_back(std::bit_cast<float>(block.words[1]));
    x.push_back((static_cast<float>(block.words[2]) / 0x1p32f - 0.5f) * 200);
    x.push_back((static_cast<float>(block.words[3]) / 0x1p32f - 0.5f) * 4);
  }
  return x;
}

struct RealFunction {
  const char* name;
  Unary operation;
  double (*oracle)(double);
  double bound;         ///< ULP, as simd/math-inl.h says
  double absolute = 0;  ///< an error up to this does not count
};

class ElementwiseSimd : public testing::TestWithParam<RealFunction> {};

TEST_P(ElementwiseSimd, IsWithinItsBoundOverTheWholeRange) {
  const RealFunction& f = GetParam();
  const std::vector<float> x = inputs();
  for_each_target([&](const char* target) {
    std::vector<float> y(x.size(), -777.0f);
    simd::unary(f.operation, {1.0}, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = f.oracle(static_cast<double>(x[i]));
      const double error =
          std::abs(static_cast<double>(y[i]) - want) <= f.absolute ? 0 : ulps(y[i], want);
      if (error > worst) worst = error, at = i;
    }
    RecordProperty(fmt::format("{}_{}", f.name, target), fmt::format("{:.3f}", worst));
    EXPECT_LE(worst, f.bound) << fmt::format("{}({:a}) = {:a}, want {:a}", f.name, x[at], y[at],
                                             f.oracle(static_cast<double>(x[at])));
    const float zero = -0.0f;
    float image = 1;
    simd::unary(f.operation, {1.0}, &zero, &image, 1);
    EXPECT_EQ(std::signbit(image), std::signbit(f.oracle(-0.0))) << f.name << "(-0)";
  });
}

double oracle_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double oracle_elu(double x) { return x > 0 ? x : std::expm1(x); }
double oracle_log(double x) { return std::log(x); }
double oracle_silu(double x) { return x / (1 + std::exp(-x)); }
double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double oracle_gelu(double x) { return x * normal_distribution(x); }
double oracle_softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// Every 256th f32 on all three gave 0.98 (exp), 0.81 (log), 2.41 (tanh), 2.18 (sigmoid), 0.87
// (elu), 1.44 (log1p) and 1.86 (softplus). silu and gelu multiply a number that may be denormal,
// with an error of its unit, by |x| of about 100 and 14.
INSTANTIATE_TEST_SUITE_P(
    Functions, ElementwiseSimd,
    testing::Values(
        RealFunction{"exp", Unary::exp, [](double x) { return std::exp(x); }, 1},
        RealFunction{"log", Unary::log, oracle_log, 1},
        RealFunction{"tanh", Unary::tanh, [](double x) { return std::tanh(x); }, 2.5},
        RealFunction{"sigmoid", Unary::sigmoid, oracle_sigmoid, 2.5},
        RealFunction{"silu", Unary::silu, oracle_silu, 4, 104 * 0x1p-149},
        RealFunction{"gelu", Unary::gelu, oracle_gelu, 7, 15 * 0x1p-149},
        RealFunction{"softplus", Unary::softplus, oracle_softplus, 2.5},
        RealFunction{"log1p", Unary::log1p, [](double x) { return std::log1p(x); }, 2},
        RealFunction{"expm1", Unary::expm1, [](double x) { return std::expm1(x); }, 2},
        RealFunction{"rsqrt", Unary::rsqrt, [](double x) { return 1 / std::sqrt(x); }, 1.5},
        RealFunction{"floor", Unary::floor, [](double x) { return std::floor(x); }, 0},
        RealFunction{"round", Unary::round, [](double x) { return std::nearbyint(x); }, 0},
        RealFunction{"elu", Unary::elu, oracle_elu, 1},
        RealFunction{"sqrt", Unary::sqrt, [](double x) { return std::sqrt(x); }, 0},
        RealFunction{"square", Unary::square, [](double x) { return x * x; }, 0},
        RealFunction{"abs", Unary::abs, [](double x) { return std::abs(x); }, 0},
        RealFunction{"negate", Unary::negate, [](double x) { return -x; }, 0}),
    [](const auto& test) { return std::string(test.param.name); });

struct PairFunction {
  const char* name;
  Binary operation;
  float (*oracle)(double, double);
  double relative = 0;  ///< of |dy|; 0: the same bits
};

float larger(double a, double b) {
  return static_cast<float>(std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b));
}
float smaller(double a, double b) {
  return static_cast<float>(std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b));
}

class ElementwiseSimdPairs : public testing::TestWithParam<PairFunction> {};

TEST_P(ElementwiseSimdPairs, MatchPlainArithmetic) {
  const PairFunction& f = GetParam();
  std::vector<float> a = inputs(), b = a;
  std::rotate(b.begin(), b.begin() + 5, b.end());
  // The special values, each with each.
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t j = 0; j < 20; ++j) a.push_back(a[i]), b.push_back(a[j]);
  if (f.relative > 0)  // gradients from outputs: of a bounded y
    for (float& y : b) y = std::isfinite(y) ? std::fmod(y, 1.0f) : 0.5f;
  const auto same = [&](float got, float want, float dy) {
    if (std::isnan(want) || std::isnan(got)) return std::isnan(want) == std::isnan(got);
    return got == want ||
           std::abs(static_cast<double>(got) - static_cast<double>(want)) <=
               f.relative * std::abs(static_cast<double>(dy)) + (f.relative > 0 ? 0x1p-149 : 0);
  };
  const Parameters p{0.5, 0.75};
  const auto count = static_cast<std::int64_t>(a.size());
  for_each_target([&](const char*) {
    std::vector<float> y(a.size(), -777.0f);
    simd::binary(f.operation, p, a.data(), false, b.data(), false, y.data(), count);
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_TRUE(same(y[i], f.oracle(static_cast<double>(a[i]), static_cast<double>(b[i])), a[i]))
          << fmt::format("{}({:a}, {:a}) = {:a}", f.name, a[i], b[i], y[i]);
    simd::binary(f.operation, p, a.data(), false, &b[40], true, y.data(), count);
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_TRUE(same(y[i], f.oracle(static_cast<double>(a[i]), static_cast<double>(b[40])), a[i]))
          << f.name << " b";
    simd::binary(f.operation, p, &a[40], true, b.data(), false, y.data(), count);
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_TRUE(
          same(y[i], f.oracle(static_cast<double>(a[40]), static_cast<double>(b[i])), a[40]))
          << f.name << " a";
    std::vector<float> nine(11, -777.0f);
    simd::binary(f.operation, p, &a[41], true, &b[40], true, nine.data(), 9);
    for (std::size_t i = 0; i < 9; ++i)
      ASSERT_TRUE(
          same(nine[i], f.oracle(static_cast<double>(a[41]), static_cast<double>(b[40])), a[41]))
          << f.name;
    EXPECT_EQ(nine[9], -777.0f);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Functions, ElementwiseSimdPairs,
    testing::Values(
        PairFunction{"add", Binary::add,
                     [](double a, double b) { return static_cast<float>(a + b); }},
        PairFunction{"subtract", Binary::subtract,
                     [](double a, double b) { return static_cast<float>(a - b); }},
        PairFunction{"multiply", Binary::multiply,
                     [](double a, double b) { return static_cast<float>(a * b); }},
        PairFunction{"divide", Binary::divide,
                     [](double a, double b) { return static_cast<float>(a / b); }},
        PairFunction{"maximum", Binary::maximum, larger},
        PairFunction{"minimum", Binary::minimum, smaller},
        PairFunction{"tanh_gradient", Binary::tanh_gradient,
                     [](double dy, double y) { return static_cast<float>(dy * (1 - y * y)); },
                     2e-7},
        PairFunction{"sigmoid_gradient", Binary::sigmoid_gradient,
                     [](double dy, double y) { return static_cast<float>(dy * y * (1 - y)); },
                     5e-7},
        PairFunction{"relu_gradient", Binary::relu_gradient,
                     [](double dy, double y) { return y <= 0 ? 0.0f : static_cast<float>(dy); }},
        PairFunction{"leaky_relu_gradient", Binary::leaky_relu_gradient,
                     [](double dy, double y) { return static_cast<float>(y > 0 ? dy : 0.5 * dy); }},
        PairFunction{
            "elu_gradient", Binary::elu_gradient,
            [](double dy, double y) { return static_cast<float>(y > 0 ? dy : dy * (y + 0.5)); },
            2e-7},
        PairFunction{"maximum_share", Binary::maximum_share,
                     [](double a, double b) { return a < b    ? 0.0f
                                                     : a == b ? 0.5f
                                                              : 1.0f; }},
        PairFunction{"clamp_gradient", Binary::clamp_gradient,
                     [](double dy, double x) {
                       return x > 0.5 && x < 0.75 ? static_cast<float>(dy) : 0.0f;
                     }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ElementwiseSimdLines, HasKernelsForExactlyTheFamily) {
  for (const Unary operation :
       {Unary::negate,   Unary::abs,   Unary::square,  Unary::sqrt,       Unary::exp,
        Unary::log,      Unary::tanh,  Unary::sigmoid, Unary::silu,       Unary::gelu,
        Unary::softplus, Unary::expm1, Unary::log1p,   Unary::rsqrt,      Unary::floor,
        Unary::round,    Unary::sign,  Unary::relu,    Unary::leaky_relu, Unary::elu,
        Unary::clamp})
    EXPECT_TRUE(simd::has(operation));
  EXPECT_FALSE(simd::has(Unary::sin));
  EXPECT_FALSE(simd::has(Binary::power));
}

TEST(ElementwiseSimdLines, AnElementsBitsDoNotDependOnItsPlace) {
  const std::vector<float> x = inputs();
  constexpr std::size_t kGuard = 3;
  for_each_target([&](const char*) {
    for (std::size_t op = 0; op <= static_cast<std::size_t>(Unary::isnan); ++op) {
      const auto operation = static_cast<Unary>(op);
      if (!simd::has(operation)) continue;
      for (std::size_t count = 0; count <= 67; ++count) {
        std::vector<float> y(count + 2 * kGuard, -777.0f);
        simd::unary(operation, {0.25, 3}, x.data() + count, y.data() + kGuard,
                    static_cast<std::int64_t>(count));
        for (std::size_t i = 0; i < count; ++i) {
          float alone = 0;
          simd::unary(operation, {0.25, 3}, &x[count + i], &alone, 1);
          ASSERT_EQ(std::bit_cast<std::uint32_t>(y[kGuard + i]),
                    std::bit_cast<std::uint32_t>(alone))
              << "operation " << op << ", element " << i << " of " << count;
        }
        for (std::size_t i = 0; i < kGuard; ++i) {
          ASSERT_EQ(y[i], -777.0f);
          ASSERT_EQ(y[kGuard + count + i], -777.0f) << "written past the end, " << count;
        }
      }
    }
    for (std::size_t count = 0; count <= 67; ++count) {
      // Exactly as long as the line, so that the sanitizers see a read past the end.
      const std::vector<float> a(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(count));
      std::vector<float> y(count);
      simd::binary(Binary::tanh_gradient, {}, a.data(), false, a.data(), false, y.data(),
                   static_cast<std::int64_t>(count));
      for (std::size_t i = 0; i < count; ++i) {
        float alone = 0;
        simd::binary(Binary::tanh_gradient, {}, &a[i], false, &a[i], false, &alone, 1);
        ASSERT_EQ(std::bit_cast<std::uint32_t>(y[i]), std::bit_cast<std::uint32_t>(alone));
      }
    }
  });
}

TEST(ElementwiseSimdLines, WorksInPlace) {
  for_each_target([&](const char*) {
    std::vector<float> x(37);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    simd::binary(Binary::add, {}, x.data(), false, x.data(), false, x.data(), 37);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], static_cast<float>(2 * i));
  });
}

TEST(ElementwiseSimdLines, GradientsOfInputsAreClose) {
  std::vector<float> x{0.0f, -0.0f, HUGE_VALF, -HUGE_VALF, NAN, 100.0f, -100.0f, 13.5f, -13.5f};
  for (int i = -3000; i <= 3000; ++i) x.push_back(static_cast<float>(i) / 200);
  const auto count = static_cast<std::int64_t>(x.size());
  const std::vector<float> dy(x.size(), -1.5f);
  std::vector<float> dx(x.size());
  for_each_target([&](const char*) {
    const auto expect = [&](Binary operation, double (*slope)(double)) {
      simd::binary(operation, {}, dy.data(), false, x.data(), false, dx.data(), count);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double want = -1.5 * slope(static_cast<double>(x[i]));
        ASSERT_TRUE(std::abs(static_cast<double>(dx[i]) - want) <= 1.5e-6 ||
                    (std::isnan(want) && std::isnan(dx[i])))
            << x[i] << " gives " << dx[i] << ", want " << want;
      }
    };
    expect(Binary::gelu_gradient, [](double v) {
      return normal_distribution(v) + v * std::exp(-0.5 * v * v) / std::sqrt(2 * M_PI);
    });
    expect(Binary::silu_gradient, [](double v) {
      const double s = oracle_sigmoid(v);
      return s * (1 + v * (1 - s));
    });
  });
}

TEST(ElementwiseSimdLines, PieceWiseFunctionsAreExact) {
  const std::vector<float> x = inputs();
  const auto count = static_cast<std::int64_t>(x.size());
  std::vector<float> y(x.size());
  for_each_target([&](const char*) {
    const auto expect = [&](Unary operation, Parameters p, float (*oracle)(float)) {
      simd::unary(operation, p, x.data(), y.data(), count);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const float want = oracle(x[i]);
        ASSERT_TRUE(y[i] == want || (std::isnan(y[i]) && std::isnan(want)))
            << x[i] << " gives " << y[i];
      }
    };
    expect(Unary::sign, {}, [](float v) { return v > 0 ? 1.0f : v < 0 ? -1.0f : 0.0f; });
    expect(Unary::relu, {}, [](float v) { return v < 0 ? 0.0f : v; });
    expect(Unary::leaky_relu, {0.125}, [](float v) { return v > 0 ? v : 0.125f * v; });
    expect(Unary::clamp, {-1.5, 2}, [](float v) { return v < -1.5f ? -1.5f : v > 2 ? 2.0f : v; });
    expect(Unary::clamp, {-HUGE_VAL, 2}, [](float v) { return v > 2 ? 2.0f : v; });
  });
}

}  // namespace
}  // namespace tenon::kernels
