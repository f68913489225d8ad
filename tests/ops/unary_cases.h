#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/core/order_internal.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {

/// A function of one tensor with its oracle on numbers.
struct UnaryCase {
  std::string name;
  std::function<Tensor(const Tensor&)> function;
  std::function<double(double)> oracle;
  double low = -3;  ///< where the test takes its inputs from; no kink lies on a point that it takes
  double high = 3;
};

inline void PrintTo(const UnaryCase& test, std::ostream* out) { *out << test.name; }

inline const std::vector<Shape>& test_shapes() {
  static const std::vector<Shape> shapes{
      {}, {1}, {7}, {3, 5}, {2, 3, 4, 5}, {1, 3, 1, 5}, {17, 1, 3, 1}, {2, 0, 3}, {67, 9}};
  return shapes;
}

/// Numbers spread over (low, high), in no order.
inline Tensor spread(const Shape& shape, double low, double high, Dtype dtype,
                     std::int64_t phase = 0) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto step = (i * 379 + static_cast<std::size_t>(phase) * 131) % 997;
    values[i] = low + (high - low) * (static_cast<double>(step) + 0.377) / 997;
  }
  return Tensor::from(values, shape, dtype);
}

inline void expect_values_in_every_layout(const UnaryCase& test) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Shape& shape : test_shapes()) {
      const Tensor values = spread(shape, test.low, test.high, dtype);
      std::vector<double> want;
      for (const double x : values.to_vector<double>()) want.push_back(test.oracle(x));
      for (const auto& [name, x] : layouts(values)) {
        const Tensor y = test.function(x);
        EXPECT_TRUE(close(y, want)) << test.name << " of " << name << " " << to_string(shape);
        EXPECT_EQ(y.dtype(), dtype);
        EXPECT_FALSE(y.requires_grad());
        if (name != "sliced") {
          EXPECT_EQ(y.strides(), output_order(shape, {&x})) << test.name << " of " << name;
        }
      }
    }
}

inline void expect_values_of_repeated_elements(const UnaryCase& test) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor column = spread({3}, test.low, test.high, dtype);
    const Tensor x = make_view(column, {2, 3, 301}, {0, 1, 0}, 0);
    std::vector<double> want;
    for (const double value : x.to_vector<double>()) want.push_back(test.oracle(value));
    EXPECT_TRUE(close(test.function(x), want)) << test.name;
  }
}

inline void expect_gradients(const UnaryCase& test) {
  const auto function = [&](const std::vector<Tensor>& in) { return test.function(in[0]); };
  const Tensor values = spread({2, 3, 4}, test.low, test.high, Dtype::f64);
  for (const auto& [name, x] : layouts(values)) {
    const GradientReport first = check_gradients(function, {x});
    EXPECT_TRUE(first.ok) << test.name << " of " << name << ": " << first.message;
    const GradientReport second = check_second_gradients(function, {x});
    EXPECT_TRUE(second.ok) << test.name << " of " << name << ": " << second.message;
  }
  // f32 gradients, by the kernels of their own, agree with those of f64.
  Tensor narrow = spread({5, 19}, test.low, test.high, Dtype::f32).set_requires_grad();
  Tensor wide = narrow.detach().to(Dtype::f64).set_requires_grad();
  const Tensor dy = spread({5, 19}, -1, 1, Dtype::f32, 5);
  const Tensor dx = gradients(test.function(narrow), {narrow}, {.output_gradients = {dy}})[0];
  const Tensor want =
      gradients(test.function(wide), {wide}, {.output_gradients = {dy.to(Dtype::f64)}})[0];
  EXPECT_TRUE(close(dx, want.to_vector<double>())) << test.name << " in f32";
}

/// The text for an undefined x, with the operation and the line of the caller, `file`.
inline void expect_undefined_is_refused(const UnaryCase& test, const char* file) {
  EXPECT_THAT(message_of<ShapeError>([&] { test.function(Tensor()); }),
              testing::AllOf(testing::StartsWith(test.name + ": x is an undefined tensor"),
                             testing::HasSubstr(file)));
}

}  // namespace tenon
