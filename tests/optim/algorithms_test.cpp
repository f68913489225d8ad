// Each algorithm against its formulas, computed element by element in double over ten steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "optim/algorithm_support.h"
#include "optim/optim_support.h"
#include "tenon/core/parallel.h"
#include "tenon/optim/optim.h"

namespace tenon {
namespace {

using testing::HasSubstr;

MakeOracle sgd(const optim::SGDOptions& o) {
  return [o] {
    return [o, m = 0.0](int t, double p, double g) mutable {
      g += o.weight_decay * p;
      if (o.momentum == 0) return p - o.learning_rate * g;
      m = t == 1 ? g : o.momentum * m + (1 - o.dampening) * g;
      return p - o.learning_rate * (o.nesterov ? g + o.momentum * m : m);
    };
  };
}

TEST(SGD, FollowsItsFormula) {
  for (const optim::SGDOptions& options :
       {optim::SGDOptions{.learning_rate = 0.1},
        optim::SGDOptions{.learning_rate = 0.1, .weight_decay = 0.3},
        optim::SGDOptions{.learning_rate = 0.1, .momentum = 0.9},
        optim::SGDOptions{
            .learning_rate = 0.1, .momentum = 0.8, .dampening = 0.3, .weight_decay = 0.1},
        optim::SGDOptions{.learning_rate = 0.1, .momentum = 0.8, .dampening = 1},
        optim::SGDOptions{
            .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true},
        optim::SGDOptions{.learning_rate = 0}})
    check_algorithm<optim::SGD>(options, sgd(options));
}

MakeOracle adam(const optim::AdamOptions& o, double decoupled) {
  return [o, decoupled] {
    return [o, decoupled, m = 0.0, v = 0.0, most = 0.0](int t, double p, double g) mutable {
      p *= 1 - o.learning_rate * decoupled;
      g += o.weight_decay * p;
      m = o.beta1 * m + (1 - o.beta1) * g;
      v = o.beta2 * v + (1 - o.beta2) * g * g;
      most = std::max(most, v);
      const double mean = m / (1 - std::pow(o.beta1, t));
      const double square = (o.amsgrad ? most : v) / (1 - std::pow(o.beta2, t));
      return p - o.learning_rate * mean / (std::sqrt(square) + o.epsilon);
    };
  };
}

TEST(Adam, FollowsItsFormula) {
  for (const optim::AdamOptions& options :
       {optim::AdamOptions{}, optim::AdamOptions{.learning_rate = 0.1, .weight_decay = 0.2},
        optim::AdamOptions{.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.6, .epsilon = 0.1},
        optim::AdamOptions{.learning_rate = 0.1, .beta2 = 0.5, .amsgrad = true},
        optim::AdamOptions{
            .learning_rate = 0.1, .beta1 = 0, .beta2 = 0.3, .weight_decay = 0.1, .amsgrad = true}})
    check_algorithm<optim::Adam>(options, adam(options, 0));
}

TEST(AdamW, FollowsItsFormula) {
  for (const optim::AdamWOptions& options :
       {optim::AdamWOptions{}, optim::AdamWOptions{.learning_rate = 0.1, .weight_decay = 0.5},
        optim::AdamWOptions{.learning_rate = 0.1,
        .beta1 = 0.5,
        .beta2 = 0.6,
        .epsilon = 1e-3,
        .weight_decay = 0.1,
        .amsgrad = true}})
    check_algorithm<optim::AdamW>(
        options, adam({options.learning_rate, options.beta1, options.beta2, options.epsilon, 0,
                       options.amsgrad},
                      options.weight_decay));
}

TEST(Adam, BitsDependOnAnElementAlone) {
  // However many there are, and so wherever one falls in a vector.
  const auto run = [](std::int64_t count) {
    Tensor x = test_parameter({count}, Dtype::f32).set_requires_grad();
    optim::Adam optimizer({{"x", x}}, {.learning_rate = 0.1, .weight_decay = 0.1, .amsgrad = true});
    for (int t = 1; t <= 3; ++t) {
      set_test_gradient(x, t);
      optimizer.step();
    }
    return x.to_vector<float>();
  };
  const std::vector<float> all = run(100);
  for (std::int64_t count = 1; count < 50; ++count)
    EXPECT_EQ(run(count), std::vector<float>(all.begin(), all.begin() + count)) << count;
}

MakeOracle rmsprop(const optim::RMSpropOptions& o) {
  return [o] {
    return [o, s = 0.0, mean = 0.0, m = 0.0](int, double p, double g) mutable {
      g += o.weight_decay * p;
      s = o.alpha * s + (1 - o.alpha) * g * g;
      mean = o.alpha * mean + (1 - o.alpha) * g;
      const double step = g / (std::sqrt(o.centered ? s - mean * mean : s) + o.epsilon);
      m = o.momentum * m + step;
      return p - o.learning_rate * m;
    };
  };
}

TEST(RMSprop, FollowsItsFormula) {
  for (const optim::RMSpropOptions& options :
       {optim::RMSpropOptions{},
        optim::RMSpropOptions{.learning_rate = 0.1, .alpha = 0.7, .weight_decay = 0.1},
        optim::RMSpropOptions{.learning_rate = 0.1, .alpha = 0.8, .momentum = 0.6},
        optim::RMSpropOptions{.learning_rate = 0.1,
        .alpha = 0.8,
        .epsilon = 0.01,
        .weight_decay = 0.1,
        .momentum = 0.5,
        .centered = true},
        optim::RMSpropOptions{.learning_rate = 0.1, .alpha = 0.8, .centered = true}})
    check_algorithm<optim::RMSprop>(options, rmsprop(options));
}

TEST(RMSprop, CenteredStaysFiniteWithConstantGradients) {
  // In single precision the mean of squares can fall below the square of the mean.
  Tensor x = Tensor::ones({1000}).set_requires_grad();
  optim::RMSprop optimizer({{"x", x}},
                           {.learning_rate = 1e-9, .alpha = 0.5, .epsilon = 1, .centered = true});
  Rng rng(1);
  x.set_grad(Tensor::uniform({1000}, rng));
  for (int t = 0; t < 50; ++t) optimizer.step();
  for (const float value : x.to_vector<float>()) ASSERT_TRUE(std::isfinite(value));
}

TEST(Optimizers, GiveTheSameBitsOnAnyNumberOfThreads) {
  const auto run = [](int threads) {
    set_num_threads(threads);
    const Shape shape{5, 20011};
    Tensor x = test_parameter(shape, Dtype::f32).set_requires_grad();
    optim::Adam optimizer({{"x", x}}, {.learning_rate = 0.1});
    for (int t = 1; t <= 3; ++t) {
      set_test_gradient(x, t);
      EXPECT_GT(optim::clip_grad_norm({{"x", x}}, 10), 100);
      optimizer.step();
    }
    return x.to_vector<float>();
  };
  const int before = num_threads();
  const std::vector<float> one = run(1);
  EXPECT_EQ(run(3), one);
  set_num_threads(before);
}

TEST(Optimizers, CheckTheirOptions) {
  using optim::SGDOptions, optim::AdamOptions, optim::AdamWOptions, optim::RMSpropOptions;
  const double nan = std::nan(""), infinity = HUGE_VAL;
  EXPECT_THAT(error_of<optim::SGD>(SGDOptions{.learning_rate = -1}),
              HasSubstr("SGD: learning_rate is -1 but must be finite and at least 0"));
  EXPECT_THAT(error_of<optim::SGD>(SGDOptions{.learning_rate = infinity}),
              HasSubstr("learning_rate is inf"));
  EXPECT_THAT(error_of<optim::SGD>(SGDOptions{.momentum = nan}), HasSubstr("momentum is nan"));
  EXPECT_THAT(error_of<optim::SGD>(SGDOptions{.momentum = 0.5, .dampening = 1.5}),
              HasSubstr("dampening must be in [0, 1]"));
  EXPECT_THAT(error_of<optim::SGD>(SGDOptions{.weight_decay = -0.1}),
              HasSubstr("weight_decay is -0.1"));
  EXPECT_THAT(error_of<optim::SGD>(SGDOptions{.nesterov = true}),
              HasSubstr("nesterov needs a momentum"));
  EXPECT_THAT(error_of<optim::SGD>(SGDOptions{.momentum = 0.5, .dampening = 0.5, .nesterov = true}),
              HasSubstr("dampening of 0"));
  EXPECT_THAT(error_of<optim::Adam>(AdamOptions{.learning_rate = nan}),
              HasSubstr("Adam: learning_rate is nan"));
  EXPECT_THAT(error_of<optim::Adam>(AdamOptions{.beta1 = 1}),
              HasSubstr("beta1 is 1 but must be in [0, 1)"));
  EXPECT_THAT(error_of<optim::Adam>(AdamOptions{.beta2 = -0.5}), HasSubstr("beta2 is -0.5"));
  EXPECT_THAT(error_of<optim::Adam>(AdamOptions{.epsilon = -1}), HasSubstr("epsilon is -1"));
  EXPECT_THAT(error_of<optim::AdamW>(AdamWOptions{.weight_decay = nan}),
              HasSubstr("AdamW: weight_decay is nan"));
  EXPECT_THAT(error_of<optim::AdamW>(AdamWOptions{.beta2 = 2}), HasSubstr("AdamW: beta2 is 2"));
  EXPECT_THAT(error_of<optim::RMSprop>(RMSpropOptions{.alpha = 1}),
              HasSubstr("RMSprop: alpha is 1"));
  EXPECT_THAT(error_of<optim::RMSprop>(RMSpropOptions{.momentum = -1}),
              HasSubstr("RMSprop: momentum is -1"));
}

}  // namespace
}  // namespace tenon
