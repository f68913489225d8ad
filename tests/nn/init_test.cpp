#include "tenon/nn/init.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"

namespace tenon {
namespace {

struct Statistics {
  double mean, stddev, least, greatest;
};

Statistics statistics_of(const Tensor& x) {
  const std::vector<double> values = x.to_vector<double>();
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (const double value : values) squares += (value - sum / count) * (value - sum / count);
  return {sum / count, std::sqrt(squares / count), *std::min_element(values.begin(), values.end()),
          *std::max_element(values.begin(), values.end())};
}

/// 60,000 values: the mean lies within 5 stddev / sqrt(60000), the stddev within 2 %.
void expect_spread(const Tensor& w, double stddev) {
  const Statistics found = statistics_of(w);
  EXPECT_NEAR(found.mean, 0, 5 * stddev / std::sqrt(60000.0));
  EXPECT_NEAR(found.stddev, stddev, 0.02 * stddev);
}
void expect_uniform(const Tensor& w, double bound) {
  expect_spread(w, bound / std::sqrt(3.0));
  const Statistics found = statistics_of(w);
  EXPECT_GE(found.least, -bound);
  EXPECT_LE(found.greatest, bound);
  EXPECT_LT(found.least, -0.999 * bound);
  EXPECT_GT(found.greatest, 0.999 * bound);
}
void expect_normal(const Tensor& w, double stddev) {
  expect_spread(w, stddev);
  EXPECT_GT(statistics_of(w).greatest, 3.5 * stddev);  // no uniform reaches it
}

Tensor linear_weight() { return Tensor::zeros({200, 300}).set_requires_grad(); }
Tensor conv_weight() { return Tensor::zeros({100, 24, 5, 5}); }  // fan_in 600, fan_out 2500

TEST(Init, CountsFans) {
  EXPECT_EQ(nn::init::fans(linear_weight()).in, 300);
  EXPECT_EQ(nn::init::fans(linear_weight()).out, 200);
  EXPECT_EQ(nn::init::fans(conv_weight()).in, 600);
  EXPECT_EQ(nn::init::fans(conv_weight()).out, 2500);
}

TEST(Init, HasTheSpreadOfItsFormula) {
  Rng rng(11);
  Tensor w = linear_weight();
  nn::init::glorot_uniform(w, rng);
  expect_uniform(w, std::sqrt(6.0 / 500));
  nn::init::glorot_uniform(w, rng, {.gain = 2});
  expect_uniform(w, 2 * std::sqrt(6.0 / 500));
  nn::init::glorot_normal(w, rng, {.gain = 3});
  expect_normal(w, 3 * std::sqrt(2.0 / 500));
  nn::init::kaiming_uniform(w, rng);
  expect_uniform(w, std::sqrt(6.0 / 300));
  nn::init::kaiming_uniform(w, rng, {.slope = 0.5, .fan = nn::init::Fan::out});
  expect_uniform(w, std::sqrt(6.0 / (1.25 * 200)));
  nn::init::kaiming_normal(w, rng, {.fan = nn::init::Fan::out});
  expect_normal(w, std::sqrt(2.0 / 200));
  nn::init::lecun_uniform(w, rng);
  expect_uniform(w, std::sqrt(3.0 / 300));
  nn::init::lecun_normal(w, rng);
  expect_normal(w, std::sqrt(1.0 / 300));

  Tensor conv = conv_weight();
  nn::init::glorot_uniform(conv, rng);
  expect_uniform(conv, std::sqrt(6.0 / 3100));
  nn::init::kaiming_normal(conv, rng);
  expect_normal(conv, std::sqrt(2.0 / 600));
}

TEST(Init, WritesInPlaceUnrecordedInAnyLayout) {
  Rng one(3), two(3);
  Tensor rows = Tensor::zeros({4, 5, 3, 3}, {.dtype = Dtype::f64}).set_requires_grad();
  Tensor strided = sliced(Tensor::zeros({4, 5, 3, 3}, {.dtype = Dtype::f64}));
  nn::init::lecun_normal(rows, one);
  nn::init::lecun_normal(strided, two);
  EXPECT_TRUE(rows.requires_grad() && rows.is_leaf());
  EXPECT_TRUE(close(strided, rows.detach(), {0, 0}));
}

TEST(Init, OrthogonalIsOrthonormalTimesGain) {
  Rng rng(5);
  const std::vector<Shape> shapes = {{7, 7}, {5, 12}, {12, 5}, {6, 2, 3, 3}, {1, 4}, {4, 1}};
  for (const Shape& shape : shapes) {
    Tensor w = Tensor::zeros(shape, {.dtype = Dtype::f64});
    nn::init::orthogonal(w, rng, {.gain = 1.5});
    const std::vector<double> values = w.to_vector<double>();
    const auto rows = static_cast<std::size_t>(shape[0]);
    const std::size_t columns = values.size() / rows;
    const bool wide = rows <= columns;
    const std::size_t count = std::min(rows, columns), length = std::max(rows, columns);
    const auto element = [&](std::size_t vector, std::size_t k) {
      return wide ? values[vector * columns + k] : values[k * columns + vector];
    };
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < count; ++j) {
        double dot = 0;
        for (std::size_t k = 0; k < length; ++k) dot += element(i, k) * element(j, k);
        EXPECT_NEAR(dot, i == j ? 2.25 : 0, 1e-13) << to_string(shape) << i << "," << j;
      }
  }
}

TEST(Init, OrthogonalDiffersWithTheStream) {
  Rng one(1), two(2);
  Tensor a = Tensor::zeros({4, 4}), b = Tensor::zeros({4, 4});
  nn::init::orthogonal(a, one);
  nn::init::orthogonal(b, two);
  EXPECT_FALSE(close(a, b));
}

TEST(Init, ConstantFillsAnything) {
  Tensor b = Tensor::zeros({3}).set_requires_grad();
  nn::init::constant(b, 0.25);
  EXPECT_EQ(b.to_vector<float>(), (std::vector<float>{0.25F, 0.25F, 0.25F}));
  Tensor n = Tensor::from(std::int64_t{0});
  nn::init::constant(n, 7);
  EXPECT_EQ(n.item<std::int64_t>(), 7);
}

TEST(Init, RefusesWhatHasNoFans) {
  Rng rng(1);
  const std::string rank =
      message_of<ShapeError>([&] { nn::init::glorot_uniform(Tensor::zeros({3}), rng); });
  EXPECT_NE(rank.find("rank 2 or more"), std::string::npos) << rank;
  EXPECT_NE(rank.find("init_test.cpp"), std::string::npos) << rank;
  EXPECT_THROW(nn::init::kaiming_normal(Tensor::from({1, 2}, {1, 2}), rng), DtypeError);
  EXPECT_THROW(nn::init::orthogonal(Tensor(), rng), ShapeError);
  EXPECT_THROW(nn::init::constant(Tensor(), 1), ShapeError);
}

TEST(Init, TakesEmptyWeights) {
  Rng rng(1);
  EXPECT_NO_THROW(nn::init::glorot_uniform(Tensor::zeros({0, 3}), rng));
  EXPECT_NO_THROW(nn::init::orthogonal(Tensor::zeros({3, 0}), rng));
}

}  // namespace
}  // namespace tenon
