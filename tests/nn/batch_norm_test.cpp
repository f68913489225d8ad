#include "tenon/nn/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

/// x [N, C, L] row-major, channel by channel, in double.
struct Oracle {
  std::vector<double> running_mean, running_var;
  double momentum = 0.1, epsilon = 1e-5;

  std::vector<double> train(const std::vector<double>& x, std::size_t n, std::size_t c,
                            std::size_t l) {
    std::vector<double> y(x.size());
    const auto count = static_cast<double>(n * l);
    for (std::size_t k = 0; k < c; ++k) {
      double mean = 0, squares = 0;
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < l; ++j) mean += x[(i * c + k) * l + j] / count;
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < l; ++j) squares += std::pow(x[(i * c + k) * l + j] - mean, 2);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < l; ++j)
          y[(i * c + k) * l + j] =
              (x[(i * c + k) * l + j] - mean) / std::sqrt(squares / count + epsilon);
      running_mean[k] = (1 - momentum) * running_mean[k] + momentum * mean;
      running_var[k] = (1 - momentum) * running_var[k] + momentum * squares / (count - 1);
    }
    return y;
  }
  std::vector<double> evaluate(const std::vector<double>& x, std::size_t n, std::size_t c,
                               std::size_t l) const {
    std::vector<double> y(x.size());
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < c; ++k)
        for (std::size_t j = 0; j < l; ++j)
          y[(i * c + k) * l + j] =
              (x[(i * c + k) * l + j] - running_mean[k]) / std::sqrt(running_var[k] + epsilon);
    return y;
  }
};

constexpr Tolerance kClose = {.relative = 1e-4,
                              .absolute = 1e-5};  // f32 over sums of a few hundred

TEST(BatchNorm, RunningStatisticsFollowTheBatchesOverSteps) {
  Rng rng(1);
  for (const double momentum : {0.1, 0.4}) {
    nn::BatchNorm2d norm(3, {.momentum = momentum});
    Oracle oracle{{0, 0, 0}, {1, 1, 1}, momentum};
    for (int step = 0; step < 5; ++step) {
      const Tensor x = Tensor::normal({4, 3, 5, 2}, rng, {.mean = 2.0 + step, .stddev = 3});
      for (const auto& [layout, view] : layouts(x)) {
        const Tensor y = norm(view);
        EXPECT_TRUE(close(
            y, Tensor::from(oracle.train(x.to_vector<double>(), 4, 3, 10), x.shape(), Dtype::f32),
            kClose))
            << layout;
      }
    }
    EXPECT_TRUE(
        close(norm.running_mean(), Tensor::from(oracle.running_mean, {3}, Dtype::f32), kClose));
    EXPECT_TRUE(
        close(norm.running_var(), Tensor::from(oracle.running_var, {3}, Dtype::f32), kClose));

    norm.set_training(false);
    const Tensor before = norm.running_mean().clone();
    const Tensor x = Tensor::normal({2, 3, 2, 2}, rng);
    EXPECT_TRUE(
        close(norm(x),
              Tensor::from(oracle.evaluate(x.to_vector<double>(), 2, 3, 4), x.shape(), Dtype::f32),
              kClose));
    EXPECT_TRUE(close(norm.running_mean(), before, {0, 0}));
  }
}

TEST(BatchNorm, OneDimensional) {
  Rng rng(2);
  nn::BatchNorm1d norm(4);
  Oracle oracle{{0, 0, 0, 0}, {1, 1, 1, 1}};
  const Tensor flat = Tensor::normal({6, 4}, rng, {.mean = -1});
  EXPECT_TRUE(close(
      norm(flat), Tensor::from(oracle.train(flat.to_vector<double>(), 6, 4, 1), {6, 4}, Dtype::f32),
      kClose));
  const Tensor series = Tensor::normal({3, 4, 5}, rng);
  EXPECT_TRUE(
      close(norm(series),
            Tensor::from(oracle.train(series.to_vector<double>(), 3, 4, 5), {3, 4, 5}, Dtype::f32),
            kClose));
  EXPECT_TRUE(close(norm.running_var(), Tensor::from(oracle.running_var, {4}, Dtype::f32), kClose));
}

TEST(BatchNorm, HasTwoParametersAndTwoBuffers) {
  const nn::BatchNorm2d norm(3);
  ASSERT_EQ(norm.parameters().size(), 2U);
  EXPECT_EQ(norm.parameters()[0].name, "weight");
  EXPECT_EQ(norm.parameters()[1].name, "bias");
  ASSERT_EQ(norm.buffers().size(), 2U);
  EXPECT_EQ(norm.buffers()[0].name, "running_mean");
  EXPECT_EQ(norm.buffers()[1].name, "running_var");
  const nn::BatchNorm2d plain(3, {.affine = false});
  EXPECT_TRUE(plain.parameters().empty());
  EXPECT_FALSE(plain.weight().defined() || plain.bias().defined());
  EXPECT_EQ(plain.buffers().size(), 2U);
}

TEST(BatchNorm, WorksWithoutAffineInF64) {
  Rng rng(3);
  nn::BatchNorm2d norm(2, {.affine = false});
  norm.to(Dtype::f64);
  Oracle oracle{{0, 0}, {1, 1}};
  const Tensor x = Tensor::normal({3, 2, 2, 2}, rng, {.dtype = Dtype::f64});
  EXPECT_TRUE(close(norm(x), oracle.train(x.to_vector<double>(), 3, 2, 4)));
  EXPECT_TRUE(close(norm.running_mean(), oracle.running_mean));
}

TEST(BatchNorm, GradientsReachItsParameters) {
  Rng rng(4);
  nn::BatchNorm2d norm(2);
  for (const bool training : {true, false}) {
    norm.zero_grad();
    norm.set_training(training);
    const Tensor x = Tensor::normal({3, 2, 2, 2}, rng);
    const Tensor target = Tensor::normal({3, 2, 2, 2}, rng);
    sum(square(norm(x) - target)).backward();
    for (auto [name, tensor] : norm.parameters()) {
      ASSERT_TRUE(tensor.grad().defined()) << name;
      EXPECT_GT(sum(abs(tensor.grad())).item<double>(), 0.1) << name;
    }
  }
}

TEST(BatchNorm, RefusesWrongInputs) {
  nn::BatchNorm2d norm(3);
  nn::BatchNorm1d flat(3);
  const auto expect_says = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect_says(message_of<ShapeError>([&] {
                norm(Tensor::zeros({2, 4, 2, 2}));
              }),
              "x has 4 channels but BatchNorm2d was made for 3");
  expect_says(message_of<ShapeError>([&] { norm(Tensor::zeros({2, 4, 2, 2})); }), "[2, 4, 2, 2]");
  expect_says(message_of<ShapeError>([&] { norm(Tensor::zeros({2, 3})); }), "not rank 2");
  expect_says(message_of<ShapeError>([&] { flat(Tensor::zeros({2, 3, 2, 2})); }), "not rank 4");
  expect_says(message_of<ShapeError>([&] {
                flat(Tensor::zeros({1, 3}));
              }),
              "more than one value a channel, x has 1");
  expect_says(message_of<ShapeError>([&] { norm(Tensor::zeros({0, 3, 2, 2})); }), "x has 0");
  expect_says(message_of<ShapeError>([] { nn::BatchNorm2d(0); }),
              "channels must be at least 1 but is 0");
  expect_says(message_of<ShapeError>([] { nn::BatchNorm1d(3, {.momentum = 1.5}); }),
              "momentum must be in [0, 1] but is 1.5");
  expect_says(message_of<ShapeError>([] { nn::BatchNorm1d(3, {.epsilon = -1}); }),
              "epsilon must be at least 0");
  flat.set_training(false);
  EXPECT_NO_THROW(flat(Tensor::zeros({1, 3})));
}

}  // namespace
}  // namespace tenon
