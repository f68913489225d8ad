#include "tenon/nn/dropout.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

TEST(Dropout, IsTheIdentityInEvaluation) {
  Rng rng(1);
  nn::Dropout dropout(0.5, rng);
  dropout.set_training(false);
  const Tensor x = Tensor::normal({4, 5}, rng);
  EXPECT_TRUE(close(dropout(x), x, {0, 0}));
  EXPECT_EQ(dropout.buffers().at("calls").item<std::int64_t>(), 0);
}

TEST(Dropout, ZeroesAShareAndScalesTheRest) {
  Rng rng(2);
  nn::Dropout dropout(0.3, rng);
  const std::vector<float> y = dropout(Tensor::ones({200, 100})).to_vector<float>();
  int zeros = 0;
  for (const float value : y) {
    if (value == 0)
      ++zeros;
    else
      ASSERT_FLOAT_EQ(value, 1 / 0.7F);
  }
  EXPECT_NEAR(zeros, 6000, 5 * 65);  // binomial: stddev sqrt(20000 * 0.3 * 0.7) = 65
}

TEST(Dropout, GradientHasTheMaskOfForward) {
  Rng rng(3);
  nn::Dropout dropout(0.5, rng);
  Tensor x = Tensor::ones({50}).set_requires_grad();
  const Tensor y = dropout(x);
  sum(y).backward();
  EXPECT_TRUE(close(x.grad(), y.detach(), {0, 0}));
}

TEST(Dropout, EachCallHasAMaskOfItsOwn) {
  Rng rng(4);
  nn::Dropout dropout(0.5, rng), other(0.5, rng);
  const Tensor x = Tensor::ones({100});
  const Tensor first = dropout(x), second = dropout(x), others = other(x);
  EXPECT_FALSE(close(first, second, {0, 0}));
  EXPECT_FALSE(close(first, others, {0, 0}));
  EXPECT_EQ(dropout.buffers().at("calls").item<std::int64_t>(), 2);
}

TEST(Dropout, BuffersContinueItsNoise) {
  Rng one(5), two(6);
  nn::Dropout dropout(0.5, one), resumed(0.5, two);
  const Tensor x = Tensor::ones({100});
  dropout(x);
  for (const auto& [name, tensor] : dropout.buffers()) resumed.buffers().at(name).copy_from(tensor);
  EXPECT_TRUE(close(resumed(x), dropout(x), {0, 0}));
}

TEST(Dropout, MasksDoNotDependOnTheLayout) {
  const Tensor x = Tensor::ones({4, 3, 5, 5});
  std::vector<Tensor> results;
  for (const auto& [name, view] : layouts(x)) {
    Rng rng(7);
    nn::Dropout dropout(0.5, rng);
    results.push_back(dropout(view));
    EXPECT_TRUE(close(results.back(), results.front(), {0, 0})) << name;
  }
}

TEST(Dropout, TakesTheEndsOfTheRange) {
  Rng rng(8);
  nn::Dropout none_dropped(0, rng), all_dropped(1, rng);
  EXPECT_TRUE(close(none_dropped(Tensor::ones({9})), Tensor::ones({9}), {0, 0}));
  EXPECT_TRUE(close(all_dropped(Tensor::ones({9})), Tensor::zeros({9}), {0, 0}));
  for (const double p : {-0.1, 1.1, __builtin_nan("")}) {
    const std::string text = message_of<DataError>([&] { nn::Dropout(p, rng); });
    EXPECT_NE(text.find("p must be in [0, 1]"), std::string::npos) << text;
    EXPECT_NE(text.find("dropout_test.cpp"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace tenon
