#include "tenon/optim/lion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "optim/algorithm_support.h"

namespace tenon {
namespace {

using optim::Lion, optim::LionOptions;
using testing::HasSubstr;

MakeOracle oracle(const LionOptions& o) {
  return [o] {
    return [o, m = 0.0](int, double p, double g) mutable {
      const double c = o.beta1 * m + (1 - o.beta1) * g;
      const double sign = c == 0 ? 0 : std::copysign(1.0, c);
      m = o.beta2 * m + (1 - o.beta2) * g;
      return p - o.learning_rate * (sign + o.weight_decay * p);
    };
  };
}

TEST(Lion, FollowsItsFormula) {
  for (const LionOptions& options :
       {LionOptions{}, LionOptions{.learning_rate = 0.1, .weight_decay = 0.3},
        LionOptions{.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.7},
        LionOptions{.learning_rate = 0.1, .beta1 = 0, .beta2 = 0}})
    check_algorithm<Lion>(options, oracle(options));
  // No sum of these comes so near to zero that rounding turns its sign.
  const LionOptions options{.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.7, .weight_decay = 0.1};
  check_algorithm<Lion>(options, oracle(options), kManyElements);
}

TEST(Lion, MovesByTheSign) {
  const double nan = std::nan("");
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Tensor x = Tensor::zeros({5}, {.dtype = dtype}).set_requires_grad();
    Lion optimizer({{"x", x}}, {.learning_rate = 0.25});
    x.set_grad(Tensor::from({1e-30, -1e30, 0.0, -0.0, nan}, {5}, dtype));
    optimizer.step();
    const std::vector<double> moved = x.to_vector<double>();
    EXPECT_EQ(std::vector<double>(moved.begin(), moved.begin() + 4),
              (std::vector<double>{-0.25, 0.25, 0, 0}));
    EXPECT_TRUE(std::isnan(moved[4])) << "a NaN must not get lost";
  }
}

TEST(Lion, ChecksItsOptions) {
  EXPECT_THAT(error_of<Lion>(LionOptions{.learning_rate = -1}),
              HasSubstr("Lion: learning_rate is -1 but must be finite and at least 0"));
  EXPECT_THAT(error_of<Lion>(LionOptions{.beta1 = 1}),
              HasSubstr("Lion: beta1 is 1 but must be in [0, 1)"));
  EXPECT_THAT(error_of<Lion>(LionOptions{.beta2 = std::nan("")}),
              HasSubstr("Lion: beta2 is nan but must be in [0, 1)"));
  EXPECT_THAT(error_of<Lion>(LionOptions{.weight_decay = HUGE_VAL}),
              HasSubstr("Lion: weight_decay is inf"));
}

}  // namespace
}  // namespace tenon
