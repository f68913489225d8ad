#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "optim/optim_support.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"

namespace tenon {

/// One element's update in step t (from 1): from its value and gradient to its new value.
using Oracle = std::function<double(int t, double p, double g)>;
/// Makes the oracle of one element, with its own state.
using MakeOracle = std::function<Oracle()>;

inline constexpr int kSteps = 10;

inline std::vector<double> expected(std::size_t count, const MakeOracle& make) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Oracle oracle = make();
    double p = test_start(i);
    for (int t = 1; t <= kSteps; ++t) p = oracle(t, p, test_gradient(t, i));
    values[i] = p;
  }
  return values;
}

/// Ten steps with these options, in each layout, against the oracle.
template <class Optimizer, class Options>
void check_algorithm(Options options, const MakeOracle& make,
                     const std::vector<Shape>& shapes = {Shape{3, 2, 5, 1}, Shape{}, Shape{1},
                                                         Shape{7}, Shape{2, 0}}) {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
    for (const Shape& shape : shapes) {
      const Tensor start = test_parameter(shape, dtype);
      for (const auto& [layout, x] : layouts(start)) {
        SCOPED_TRACE(to_string(shape) + " " + std::string(to_string(dtype)) + " " + layout);
        Tensor parameter = x.detach().set_requires_grad();
        Optimizer optimizer({{"x", parameter}}, options);
        for (int t = 1; t <= kSteps; ++t) {
          set_test_gradient(parameter, t);
          const std::vector<double> gradient = parameter.grad().to_vector<double>();
          optimizer.step();
          EXPECT_EQ(parameter.grad().to_vector<double>(), gradient) << "gradients stay as they are";
        }
        // Ten steps of single precision, whose gradients were rounded too.
        const Tolerance tolerance =
            dtype == Dtype::f64 ? Tolerance{1e-12, 1e-13} : Tolerance{2e-5, 3e-6};
        EXPECT_TRUE(close(
            parameter.detach(),
            Tensor::from(expected(static_cast<std::size_t>(shape.numel()), make), shape, dtype),
            tolerance));
      }
    }
  }
}

/// The text of the error for bad options, which add_group must give too.
template <class Optimizer, class Options>
std::string error_of(Options options) {
  Tensor x = Tensor::ones({2}).set_requires_grad();
  const std::string text = message_of<DataError>([&] { Optimizer({{"x", x}}, options); });
  EXPECT_THAT(text, testing::HasSubstr("algorithm_support.h"));
  Optimizer good({{"x", x}});
  EXPECT_EQ(message_of<DataError>([&] {
              good.add_group({{"y", Tensor::ones({2})}}, options);
            }).substr(0, 20),
            text.substr(0, 20));
  return text;
}

/// More elements than one thread updates at a time.
inline const std::vector<Shape> kManyElements = {Shape{3, 11003}};

}  // namespace tenon
