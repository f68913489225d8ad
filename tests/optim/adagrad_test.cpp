#include "tenon/optim/adagrad.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "optim/algorithm_support.h"

namespace tenon {
namespace {

using optim::Adagrad, optim::AdagradOptions;
using testing::HasSubstr;

MakeOracle oracle(const AdagradOptions& o) {
  return [o] {
    return [o, s = o.initial_accumulator_value](int t, double p, double g) mutable {
      g += o.weight_decay * p;
      s += g * g;
      return p - o.learning_rate / (1 + (t - 1) * o.lr_decay) * g / (std::sqrt(s) + o.epsilon);
    };
  };
}

TEST(Adagrad, FollowsItsFormula) {
  for (const AdagradOptions& options :
       {AdagradOptions{}, AdagradOptions{.learning_rate = 0.1, .lr_decay = 0.5},
        AdagradOptions{.learning_rate = 0.1, .weight_decay = 0.3},
        AdagradOptions{.learning_rate = 0.1, .initial_accumulator_value = 2},
        AdagradOptions{.learning_rate = 0.1,
        .lr_decay = 0.1,
        .weight_decay = 0.2,
        .initial_accumulator_value = 0.5,
        .epsilon = 0.1}})
    check_algorithm<Adagrad>(options, oracle(options));
  const AdagradOptions options{.learning_rate = 0.1, .weight_decay = 0.1};
  check_algorithm<Adagrad>(options, oracle(options), kManyElements);
}

TEST(Adagrad, ByHand) {
  // 1 - 0.5 * 3 / (sqrt(16 + 9) + 1) = 0.75, then 0.75 - 0.25 * 12 / (sqrt(25 + 144) + 1).
  Tensor x = Tensor::from({1.0}, {1}, Dtype::f64).set_requires_grad();
  Adagrad optimizer(
      {{"x", x}},
      {.learning_rate = 0.5, .lr_decay = 1, .initial_accumulator_value = 16, .epsilon = 1});
  x.set_grad(Tensor::from({3.0}, {1}, Dtype::f64));
  optimizer.step();
  EXPECT_DOUBLE_EQ(x.item<double>(), 0.75);
  x.set_grad(Tensor::from({12.0}, {1}, Dtype::f64));
  optimizer.step();
  EXPECT_DOUBLE_EQ(x.item<double>(), 0.75 - 3.0 / 14);
}

TEST(Adagrad, LeavesElementsWithoutGradient) {
  // 0 / (0 + epsilon), in either dtype.
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Tensor x = Tensor::ones({3}, {.dtype = dtype}).set_requires_grad();
    Adagrad optimizer({{"x", x}});
    x.set_grad(Tensor::zeros({3}, {.dtype = dtype}));
    optimizer.step();
    EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{1, 1, 1}));
  }
}

TEST(Adagrad, ChecksItsOptions) {
  EXPECT_THAT(error_of<Adagrad>(AdagradOptions{.learning_rate = -1}),
              HasSubstr("Adagrad: learning_rate is -1 but must be finite and at least 0"));
  EXPECT_THAT(error_of<Adagrad>(AdagradOptions{.lr_decay = -0.5}),
              HasSubstr("Adagrad: lr_decay is -0.5 but must be finite and at least 0"));
  EXPECT_THAT(error_of<Adagrad>(AdagradOptions{.weight_decay = HUGE_VAL}),
              HasSubstr("Adagrad: weight_decay is inf"));
  EXPECT_THAT(error_of<Adagrad>(AdagradOptions{.initial_accumulator_value = -2}),
              HasSubstr("Adagrad: initial_accumulator_value is -2"));
  EXPECT_THAT(error_of<Adagrad>(AdagradOptions{.epsilon = std::nan("")}),
              HasSubstr("Adagrad: epsilon is nan"));
}

}  // namespace
}  // namespace tenon
