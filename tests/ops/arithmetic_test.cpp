#include "tenon/ops/arithmetic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct BinaryCase {
  std::string name;
  std::function<Tensor(const Operand&, const Operand&)> function;
  std::function<double(double, double)> oracle;
  bool is_smooth = true;  ///< else constant between its kinks
};
void PrintTo(const BinaryCase& test, std::ostream* out) { *out << test.name; }

std::vector<BinaryCase> cases() {
  const auto flag = [](bool value) { return value ? 1.0 : 0.0; };
  return {
      {"add", add, [](double a, double b) { return a + b; }},
      {"subtract", subtract, [](double a, double b) { return a - b; }},
      {"multiply", multiply, [](double a, double b) { return a * b; }},
      {"divide", divide, [](double a, double b) { return a / b; }},
      {"power", power, [](double a, double b) { return std::exp(b * std::log(a)); }},
      {"maximum", maximum, [](double a, double b) { return a > b ? a : b; }},
      {"minimum", minimum, [](double a, double b) { return a < b ? a : b; }},
      {"equal", equal, [=](double a, double b) { return flag(a == b); }, false},
      {"not_equal", not_equal, [=](double a, double b) { return flag(a != b); }, false},
      {"less", less, [=](double a, double b) { return flag(a < b); }, false},
      {"less_equal", less_equal, [=](double a, double b) { return flag(a <= b); }, false},
      {"greater", greater, [=](double a, double b) { return flag(a > b); }, false},
      {"greater_equal", greater_equal, [=](double a, double b) { return flag(a >= b); }, false},
      {"logical_and", logical_and, [=](double a, double b) { return flag(a != 0 && b != 0); },
       false},
      {"logical_or", logical_or, [=](double a, double b) { return flag(a != 0 || b != 0); }, false},
  };
}

/// Positive numbers in steps of a quarter (some equal to each other's), or from `low` on.
Tensor quarters(const Shape& shape, Dtype dtype, std::size_t phase, double low = 0.25) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = low + 0.25 * static_cast<double>((i * 37 + phase * 5) % 13);
  return Tensor::from(values, shape, dtype);
}

/// The values of a broadcast operation by one plain loop over the indices of the result.
std::vector<double> plain(const Tensor& a, const Tensor& b, const Shape& shape,
                          const std::function<double(double, double)>& oracle) {
  const std::vector<double> values_a = a.to_vector<double>(), values_b = b.to_vector<double>();
  std::vector<double> y;
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const auto at = [&](const Tensor& x) {
      std::int64_t rest = i, offset = 0, step = 1;
      for (std::size_t back = 1; back <= shape.rank(); ++back) {
        const std::int64_t index = rest % shape[shape.rank() - back];
        rest /= shape[shape.rank() - back];
        if (back > x.shape().rank()) continue;
        const std::int64_t size = x.shape()[x.shape().rank() - back];
        if (size != 1) offset += index * step;
        step *= size;
      }
      return static_cast<std::size_t>(offset);
    };
    y.push_back(oracle(values_a[at(a)], values_b[at(b)]));
  }
  return y;
}

struct Shapes {
  Shape a, b, y;
};
const std::vector<Shapes>& shape_cases() {
  static const std::vector<Shapes> all{
      {{}, {}, {}},
      {{7}, {7}, {7}},
      {{2, 3, 4, 5}, {2, 3, 4, 5}, {2, 3, 4, 5}},
      {{2, 3, 4, 5}, {3, 1, 1}, {2, 3, 4, 5}},
      {{5}, {17, 5}, {17, 5}},
      {{17, 1}, {17, 33}, {17, 33}},
      {{3, 1}, {1, 4}, {3, 4}},
      {{}, {2, 3}, {2, 3}},
      {{1, 1}, {3}, {1, 3}},
      {{0, 3}, {3}, {0, 3}},
      {{2, 0}, {2, 1}, {2, 0}},
      {{1, 2, 1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1, 2, 1}, {2, 2, 2, 2, 2, 2, 2, 2}}};
  return all;
}

class Arithmetic : public testing::TestWithParam<BinaryCase> {};

TEST_P(Arithmetic, MatchesAPlainLoopForEveryBroadcastAndLayout) {
  const BinaryCase& test = GetParam();
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Shapes& shapes : shape_cases()) {
      const Tensor values_a = quarters(shapes.a, dtype, 0), values_b = quarters(shapes.b, dtype, 2);
      const std::vector<double> want = plain(values_a, values_b, shapes.y, test.oracle);
      for (const auto& [name_a, a] : layouts(values_a))
        for (const auto& [name_b, b] : layouts(values_b)) {
          const Tensor y = test.function(a, b);
          EXPECT_EQ(y.shape(), shapes.y);
          EXPECT_EQ(y.dtype(), test.is_smooth ? dtype : Dtype::boolean);
          EXPECT_TRUE(close(y, want)) << test.name << " of " << name_a << " " << to_string(shapes.a)
                                      << ", " << name_b << " " << to_string(shapes.b);
          EXPECT_EQ(y.strides(), output_order(y.shape(), {&a, &b}));
        }
    }
}

TEST_P(Arithmetic, TakesNumbersOnEitherSide) {
  const BinaryCase& test = GetParam();
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const auto& [name, x] : layouts(quarters({2, 3, 4}, dtype, 1)))
      for (const double number : {0.5, 2.0, 1.0, -0.5, -1.0, 3.0}) {
        const Tensor as_tensor = Tensor::from({number}, {}, dtype);
        if (number > 0) {
          EXPECT_TRUE(close(test.function(number, x), plain(as_tensor, x, x.shape(), test.oracle)))
              << name << number;
        }
        EXPECT_TRUE(close(test.function(x, number), plain(x, as_tensor, x.shape(), test.oracle)))
            << name << number;
        EXPECT_EQ(test.function(x, number).dtype(), test.is_smooth ? dtype : Dtype::boolean);
      }
}

TEST_P(Arithmetic, ChecksItsOperands) {
  const BinaryCase& test = GetParam();
  const Tensor a = Tensor::ones({2, 3}), b = Tensor::ones({2, 4});
  EXPECT_THAT(
      message_of<ShapeError>([&] { test.function(a, b); }),
      AllOf(
          StartsWith(test.name + ": a and b do not broadcast: axis -1 has size 3 in a but 4 in b."),
          HasSubstr("a [2, 3] f32"), HasSubstr("b [2, 4] f32"), HasSubstr("arithmetic_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                test.function(Tensor::ones({5, 2, 3}), Tensor::ones({4, 3}));
              }),
              HasSubstr("axis -2 has size 2 in a but 4 in b"));
  EXPECT_THAT(message_of<ShapeError>([&] { test.function(Tensor::ones({0}), Tensor::ones({2})); }),
              HasSubstr("axis -1 has size 0 in a but 2 in b"));
  EXPECT_THAT(message_of<ShapeError>([&] { test.function(Tensor(), b); }),
              AllOf(StartsWith(test.name + ": a is an undefined tensor"),
                    HasSubstr("arithmetic_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { test.function(2.0, Tensor()); }),
              HasSubstr("b is an undefined tensor"));
  const Tensor column = make_view(Tensor::ones({1}), {std::int64_t{1} << 32, 1}, {0, 0}, 0);
  const Tensor row = make_view(Tensor::ones({1}), {std::int64_t{1} << 31}, {0}, 0);
  EXPECT_THAT(message_of<ShapeError>([&] { test.function(column, row); }),
              HasSubstr("larger than memory can be"));
}

TEST_P(Arithmetic, HasGradientsForEachOperand) {
  const BinaryCase& test = GetParam();
  if (!test.is_smooth) return;
  for (const auto& [shape_a, shape_b] : std::vector<std::pair<Shape, Shape>>{{{2, 3, 2}, {2, 3, 2}},
                                                                             {{2, 3, 2}, {3, 1}},
                                                                             {{2}, {2, 3, 2}},
                                                                             {{3, 1}, {1, 4}},
                                                                             {{}, {3}},
                                                                             {{2, 0}, {1}}}) {
    // No two operands are equal: thirds against quarters.
    const Tensor a = quarters(shape_a, Dtype::f64, 0, 1.0 / 3),
                 b = quarters(shape_b, Dtype::f64, 2);
    for (std::size_t i = 0; i < layouts(a).size(); ++i) {
      const Tensor x = layouts(a)[i].second, z = layouts(b)[i % layouts(b).size()].second;
      const auto of_both = [&](const std::vector<Tensor>& in) {
        return test.function(in[0], in[1]);
      };
      const auto of_a = [&](const std::vector<Tensor>& in) { return test.function(in[0], z); };
      const auto of_b = [&](const std::vector<Tensor>& in) { return test.function(x, in[0]); };
      EXPECT_TRUE(check_gradients(of_both, {x, z}).ok) << check_gradients(of_both, {x, z}).message;
      EXPECT_TRUE(check_second_gradients(of_both, {x, z}).ok)
          << check_second_gradients(of_both, {x, z}).message;
      EXPECT_TRUE(check_gradients(of_a, {x}).ok);
      EXPECT_TRUE(check_gradients(of_b, {z}).ok);
    }
  }
  const Tensor x = quarters({2, 3}, Dtype::f64, 4, 1.0 / 3);
  for (const double number : {0.5, 1.0, 2.0, 3.0, -0.5, -1.0, -2.5, 0.0}) {
    if (number == 0 && test.name == "divide") continue;
    const auto left = [&](const std::vector<Tensor>& in) { return test.function(in[0], number); };
    EXPECT_TRUE(check_gradients(left, {x}).ok) << number << check_gradients(left, {x}).message;
    EXPECT_TRUE(check_second_gradients(left, {x}).ok)
        << number << check_second_gradients(left, {x}).message;
    if (number < 0) continue;
    const auto right = [&](const std::vector<Tensor>& in) { return test.function(number, in[0]); };
    EXPECT_TRUE(check_gradients(right, {x}).ok) << number << check_gradients(right, {x}).message;
    EXPECT_TRUE(check_second_gradients(right, {x}).ok)
        << number << check_second_gradients(right, {x}).message;
  }
}

INSTANTIATE_TEST_SUITE_P(Operations, Arithmetic, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(Promotion, IsPyTorchs) {
  const auto of = [](Dtype dtype) { return Tensor::ones({2}, {dtype}); };
  const Dtype order[] = {Dtype::boolean, Dtype::u8, Dtype::i32, Dtype::i64, Dtype::f32, Dtype::f64};
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) {
      const Dtype want = order[std::max(i, j)];
      const Tensor a = of(order[i]), b = of(order[j]);
      EXPECT_EQ((a + b).dtype(), want);
      EXPECT_TRUE(close(a * b, Tensor::ones({2}, {want})));
      EXPECT_EQ((a / b).dtype(), want < Dtype::f32 ? Dtype::f32 : want);
      EXPECT_EQ(maximum(a, b).dtype(), want);
      EXPECT_EQ(power(a, b).dtype(), want == Dtype::boolean ? Dtype::i64 : want);
      EXPECT_TRUE(close(equal(a, b), Tensor::ones({2}, {Dtype::boolean})));
      EXPECT_EQ(where(of(Dtype::boolean), a, b).dtype(), want);
    }
}

TEST(Promotion, NumbersAreWeak) {
  const Tensor f = Tensor::ones({2}), d = Tensor::ones({2}, {Dtype::f64}),
               b = Tensor::from({true, false}, {2});
  const Tensor u = Tensor::from({200, 7}, {2}, Dtype::u8),
               n = Tensor::from({5, -7}, {2}, Dtype::i32);
  EXPECT_EQ((f * 2.0).dtype(), Dtype::f32);
  EXPECT_EQ((f + 1).dtype(), Dtype::f32);
  EXPECT_EQ((d * 2.0f).dtype(), Dtype::f64);
  EXPECT_EQ((n * 2).dtype(), Dtype::i32);
  EXPECT_EQ((n * 2.5).dtype(), Dtype::f32);
  EXPECT_EQ((n + true).dtype(), Dtype::i32);
  EXPECT_EQ((b + 1).dtype(), Dtype::i64);
  EXPECT_EQ((b * 1.5).dtype(), Dtype::f32);
  EXPECT_EQ((b + true).dtype(), Dtype::boolean);
  EXPECT_TRUE(close(n * 2.5, {12.5, -17.5}));
  EXPECT_TRUE(close(u + 100, {44, 107}));  // wraps
  EXPECT_TRUE(close(u + 300, {244, 51}));
  EXPECT_TRUE(close(3 - n, {-2, 10}));
  EXPECT_TRUE(close(n / 2, {2.5, -3.5}));
  EXPECT_TRUE(close(1 / f, {1, 1}));
  const std::int64_t big = (std::int64_t{1} << 53) + 1;
  EXPECT_EQ((Tensor::from({std::int64_t{0}}, {1}) + big).item<std::int64_t>(), big);
  EXPECT_EQ(add(1, 2).dtype(), Dtype::i64);
  EXPECT_EQ(add(1, 2).item<int>(), 3);
  EXPECT_EQ(divide(1, 2).item<float>(), 0.5f);
  EXPECT_EQ(multiply(1.5, 2).item<float>(), 3.0f);
  EXPECT_TRUE(close(f * 1e300, {HUGE_VAL, HUGE_VAL}));
}

TEST(Integers, WrapAndDivideInF32) {
  const auto most = std::numeric_limits<std::int64_t>::max();
  const auto least = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ((Tensor::from({most}, {1}) + 1).item<std::int64_t>(), least);
  EXPECT_EQ((Tensor::from({least}, {1}) - 1).item<std::int64_t>(), most);
  EXPECT_EQ((Tensor::from({most}, {1}) * 2).item<std::int64_t>(), -2);
  const Tensor zero = Tensor::from({0, 1}, {2});
  EXPECT_TRUE(close(Tensor::from({3, -4}, {2}) / zero, {HUGE_VAL, -4}));
  EXPECT_TRUE(close(
      power(Tensor::from({2, -3, 1, -1, 5, 0}, {6}), Tensor::from({10, 3, -5, -3, -2, 0}, {6})),
      {1024, -27, 1, -1, 0, 1}));
  EXPECT_TRUE(close(power(Tensor::from({2, -3}, {2}), 3), {8, -27}));
  EXPECT_TRUE(close(power(Tensor::from({4, 2}, {2}), -0.5), {0.5, std::sqrt(0.5)}));
}

TEST(Integers, BooleansAddAsOrAndMultiplyAsAnd) {
  const Tensor a = Tensor::from({true, true, false, false}, {4}),
               b = Tensor::from({true, false, true, false}, {4});
  EXPECT_TRUE(close(a + b, {1, 1, 1, 0}));
  EXPECT_TRUE(close(a * b, {1, 0, 0, 0}));
  EXPECT_TRUE(close(maximum(a, b), {1, 1, 1, 0}));
  EXPECT_TRUE(close(logical_not(a), {0, 0, 1, 1}));
  EXPECT_EQ(logical_not(Tensor::from({0.0, 2.0}, {2})).to_vector<bool>(),
            (std::vector<bool>{true, false}));
  EXPECT_THAT(message_of<DtypeError>([&] { a - b; }),
              AllOf(StartsWith("subtract: booleans cannot be subtracted"),
                    HasSubstr("not_equal(a, b)"), HasSubstr("arithmetic_test.cpp")));
}

TEST(Maximum, SplitsTiesAndKeepsNaN) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Tensor a = Tensor::from({1.0, 2.0, 3.0, double{NAN}, 1.0}, {5}, dtype).set_requires_grad();
    Tensor b = Tensor::from({1.0, 3.0, 2.0, 1.0, double{NAN}}, {5}, dtype).set_requires_grad();
    const GradientOptions ones{.output_gradients = {Tensor::ones({5}, {dtype})}};
    EXPECT_TRUE(close(maximum(a, b), {1, 3, 3, NAN, NAN}));
    EXPECT_TRUE(close(minimum(a, b), {1, 2, 2, NAN, NAN}));
    const std::vector<Tensor> of_max = gradients(maximum(a, b), {a, b}, ones);
    EXPECT_TRUE(close(of_max[0], {0.5, 0, 1, 1, 1}));
    EXPECT_TRUE(close(of_max[1], {0.5, 1, 0, 1, 1}));
    const std::vector<Tensor> of_min = gradients(minimum(a, b), {a, b}, ones);
    EXPECT_TRUE(close(of_min[0], {0.5, 1, 0, 1, 1}));
    EXPECT_TRUE(close(of_min[1], {0.5, 0, 1, 1, 1}));
    EXPECT_TRUE(close(gradients(maximum(a, 2.0), {a}, ones)[0], {0, 0.5, 1, 1, 0}));
    EXPECT_TRUE(close(gradients(minimum(2.0, a), {a}, ones)[0], {1, 0.5, 0, 1, 1}));
  }
}

TEST(Power, HasFiniteGradientsAtZero) {
  Tensor base = Tensor::from({0.0, 0.0, 2.0}, {3}, Dtype::f64).set_requires_grad();
  Tensor exponent = Tensor::from({0.0, 2.0, 0.0}, {3}, Dtype::f64).set_requires_grad();
  const std::vector<Tensor> d = gradients(power(base, exponent), {base, exponent},
                                          {.output_gradients = {Tensor::ones({3}, {Dtype::f64})}});
  EXPECT_TRUE(close(d[0], {0, 0, 0}));
  EXPECT_TRUE(close(d[1], {0, 0, std::log(2.0)}));
  const GradientOptions ones{.output_gradients = {Tensor::ones({3}, {Dtype::f64})}};
  EXPECT_TRUE(close(gradients(power(base, 0), {base}, ones)[0], {0, 0, 0}));
  EXPECT_TRUE(close(gradients(power(base, 1), {base}, ones)[0], {1, 1, 1}));
  EXPECT_TRUE(close(gradients(power(0.0, exponent), {exponent}, ones)[0], {0, 0, 0}));
  EXPECT_TRUE(close(gradients(power(0.0, -exponent), {exponent}, ones)[0], {0, HUGE_VAL, 0}));

  const auto function = [](const std::vector<Tensor>& in) { return power(in[0], in[1]); };
  const Tensor two = Tensor::from({2.0}, {1}, Dtype::f64),
               zero = Tensor::from({0.0}, {1}, Dtype::f64);
  EXPECT_TRUE(check_second_gradients(function, {two, zero}).ok)
      << check_second_gradients(function, {two, zero}).message;
  const Tensor first = gradients(sum(power(base, exponent)), {base}, {.create_graph = true})[0];
  EXPECT_TRUE(close(gradients(sum(first), {base})[0], {0, 2, 0}));
}

TEST(Power, RefusesIntegersToNegativePowers) {
  EXPECT_THAT(message_of<DtypeError>([] {
                power(Tensor::from({2, 3}, {2}), -2);
              }),
              AllOf(StartsWith("power: an integer to the power of -2 is no integer"),
                    HasSubstr("base [2] i64"), HasSubstr("base.to(Dtype::f32)"),
                    HasSubstr("arithmetic_test.cpp")));
}

TEST(MixedDtypes, HaveGradientsInTheOperandsDtype) {
  const std::vector<std::function<Tensor(const Operand&, const Operand&)>> functions{
      add, subtract, multiply, divide, power, maximum, minimum};
  for (const auto& function : functions) {
    Tensor a = Tensor::from({1.5f, 2.5f}, {2}).set_requires_grad();
    Tensor b = Tensor::from({2.0, 3.0}, {1, 2}, Dtype::f64).set_requires_grad();
    const Tensor i = Tensor::from({2, 3}, {2});
    const std::vector<Tensor> d = gradients(sum(function(a, b)), {a, b});
    EXPECT_EQ(d[0].dtype(), Dtype::f32);
    EXPECT_EQ(d[0].shape(), a.shape());
    EXPECT_EQ(d[1].dtype(), Dtype::f64);
    // An integer operand has no gradient; the other's is as if it were floating.
    EXPECT_TRUE(close(gradients(sum(function(a, i)), {a})[0],
                      gradients(sum(function(a, i.to(Dtype::f32))), {a})[0]));
    EXPECT_TRUE(close(gradients(sum(function(i, a)), {a})[0],
                      gradients(sum(function(i.to(Dtype::f32), a)), {a})[0]));
  }
}

TEST(Operators, AreTheFunctions) {
  const Tensor a = Tensor::from({1.0f, 2.0f}, {2}), b = Tensor::from({4.0f, 8.0f}, {2});
  EXPECT_TRUE(close(a + b, {5, 10}));
  EXPECT_TRUE(close(a - b, {-3, -6}));
  EXPECT_TRUE(close(a * b, {4, 16}));
  EXPECT_TRUE(close(a / b, {0.25, 0.25}));
  EXPECT_TRUE(close(-a, {-1, -2}));
  EXPECT_TRUE(close(2 - a, {1, 0}));
  Tensor c = a;
  c += b;
  c -= 1;
  c *= 2.0;
  c /= b;
  EXPECT_TRUE(close(c, {2, 2.25}));
  EXPECT_TRUE(close(a, {1, 2}));  // rebinding leaves a alone

  Tensor w = Tensor::from({3.0f}, {1}).set_requires_grad();
  Tensor total = Tensor::zeros({1});
  for (int i = 0; i < 3; ++i) total += w * i;
  EXPECT_TRUE(close(gradients(total, {w})[0], {3}));
}

TEST(Operators, NameTheCallersLine) {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({2, 4});
  const std::uint32_t line = Where::current().line() + 1;
  EXPECT_THAT(message_of<ShapeError>([&] { a + b; }),
              HasSubstr("arithmetic_test.cpp:" + std::to_string(line)));
  EXPECT_THAT(message_of<ShapeError>([&] {
                Tensor c = a;
                c *= b;
              }),
              HasSubstr("multiply: a and b do not broadcast"));
}

}  // namespace
}  // namespace tenon
