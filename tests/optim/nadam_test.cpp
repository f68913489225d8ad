#include "tenon/optim/nadam.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "optim/algorithm_support.h"

namespace tenon {
namespace {

using optim::NAdam, optim::NAdamOptions;
using testing::HasSubstr;

MakeOracle oracle(const NAdamOptions& o) {
  return [o] {
    return [o, m = 0.0, v = 0.0, product = 1.0](int t, double p, double g) mutable {
      if (o.decoupled_weight_decay)
        p -= o.learning_rate * o.weight_decay * p;
      else
        g += o.weight_decay * p;
      const double mu = o.beta1 * (1 - 0.5 * std::pow(0.96, t * o.momentum_decay));
      const double next = o.beta1 * (1 - 0.5 * std::pow(0.96, (t + 1) * o.momentum_decay));
      product *= mu;
      m = o.beta1 * m + (1 - o.beta1) * g;
      v = o.beta2 * v + (1 - o.beta2) * g * g;
      const double mean = next * m / (1 - product * next) + (1 - mu) * g / (1 - product);
      return p - o.learning_rate * mean / (std::sqrt(v / (1 - std::pow(o.beta2, t))) + o.epsilon);
    };
  };
}

TEST(NAdam, FollowsItsFormula) {
  for (const NAdamOptions& options :
       {NAdamOptions{}, NAdamOptions{.learning_rate = 0.1, .weight_decay = 0.2},
        NAdamOptions{.learning_rate = 0.1, .weight_decay = 0.5, .decoupled_weight_decay = true},
        NAdamOptions{.learning_rate = 0.1, .momentum_decay = 0},
        NAdamOptions{.learning_rate = 0.1, .beta1 = 0, .beta2 = 0.3},
        NAdamOptions{.learning_rate = 0.1,
        .beta1 = 0.5,
        .beta2 = 0.6,
        .epsilon = 0.1,
        .weight_decay = 0.1,
        .momentum_decay = 0.5}})
    check_algorithm<NAdam>(options, oracle(options));
  const NAdamOptions options{.learning_rate = 0.1};
  check_algorithm<NAdam>(options, oracle(options), kManyElements);
}

TEST(NAdam, KeepsTheProductOfMomentaInDouble) {
  // One number a parameter, whatever its dtype; without momentum_decay mu is beta1 / 2.
  Tensor x = Tensor::ones({2}).set_requires_grad();
  NAdam optimizer({{"x", x}}, {.beta1 = 0.8, .momentum_decay = 0});
  for (int t = 1; t <= 3; ++t) {
    set_test_gradient(x, t);
    optimizer.step();
  }
  const Tensor product = optimizer.state().at("x/momentum_product");
  EXPECT_EQ(product.dtype(), Dtype::f64);
  EXPECT_EQ(product.shape(), Shape{});
  EXPECT_NEAR(product.item<double>(), 0.5 * 0.8 * 0.5 * 0.8 * 0.5 * 0.8, 1e-16);
}

TEST(NAdam, ChecksItsOptions) {
  EXPECT_THAT(error_of<NAdam>(NAdamOptions{.learning_rate = std::nan("")}),
              HasSubstr("NAdam: learning_rate is nan but must be finite and at least 0"));
  EXPECT_THAT(error_of<NAdam>(NAdamOptions{.beta1 = 1}),
              HasSubstr("NAdam: beta1 is 1 but must be in [0, 1)"));
  EXPECT_THAT(error_of<NAdam>(NAdamOptions{.beta2 = -0.5}),
              HasSubstr("NAdam: beta2 is -0.5 but must be in [0, 1)"));
  EXPECT_THAT(error_of<NAdam>(NAdamOptions{.epsilon = -1}), HasSubstr("NAdam: epsilon is -1"));
  EXPECT_THAT(error_of<NAdam>(NAdamOptions{.weight_decay = -1}),
              HasSubstr("NAdam: weight_decay is -1"));
  EXPECT_THAT(error_of<NAdam>(NAdamOptions{.momentum_decay = -0.004}),
              HasSubstr("NAdam: momentum_decay is -0.004"));
}

}  // namespace
}  // namespace tenon
