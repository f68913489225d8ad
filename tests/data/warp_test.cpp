#include "tenon/kernels/simd/warp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "support/golden.h"
#include "support/simd.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/transform_batch_internal.h"
#include "tenon/data/warp_internal.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using data::AffineMap;

// f32 against f64: coordinates in f64, four products in f32 of numbers up to 7.
constexpr Tolerance kTolerance{1e-6, 1e-6};
// Displacements in f32 of up to 4 pixels: their rounding is seen through the slope of the image.
constexpr Tolerance kDisplacedTolerance{1e-5, 5e-6};

double number(const Tensor& x) { return x.item<double>(); }

template <class Warp>
Tensor warped(const Tensor& x, const Warp& warp) {
  const Tensor rows = x.to(Dtype::f32);
  Tensor y = make_tensor(x.shape(), Dtype::f32);
  warp(data::pixels_of(elements<float>(rows), x.shape()),
       data::pixels_of(fresh_elements<float>(y), x.shape()));
  return y;
}

Tensor displaced(const Tensor& x, const Tensor& field, double fill) {
  const Tensor f = field.to(Dtype::f32);
  return warped(x, [&](auto from, auto to) {
    data::warp_displaced(from, elements<float>(f), 2 * x.shape()[2], static_cast<float>(fill), to);
  });
}

/// Along axis 0, through columns padded with what must not be seen.
Tensor smoothed(const Tensor& x, double sigma) {
  constexpr std::int64_t kUnit = kernels::simd::kSmoothedTogether;
  const std::int64_t rows = x.shape()[0], columns = x.shape()[1];
  const std::int64_t padded = (columns + kUnit - 1) / kUnit * kUnit;
  const Tensor wide =
      concat({x.to(Dtype::f32), Tensor::full({rows, padded - columns}, 1e30)}, 1).contiguous();
  Tensor y = make_tensor({rows, padded}, Dtype::f32);
  const std::vector<float> weights = data::gaussian_weights(sigma);
  kernels::simd::smooth_rows(elements<float>(wide), rows, padded, weights.data(),
                             static_cast<std::int64_t>(weights.size()) - 1,
                             fresh_elements<float>(y));
  return slice(y, 1, {.stop = columns}).contiguous();
}

TEST(Warp, SmoothsAnyNumberOfColumns) {
  for_each_target([] {
    Rng rng(6);
    for (const std::int64_t columns : {1, 16, 17, 48, 64, 65, 100, 144}) {
      const Tensor x = Tensor::uniform({11, columns}, rng, {.low = -1, .high = 1});
      const std::vector<float> weights = data::gaussian_weights(1.5);
      ASSERT_EQ(weights.size(), 7U);
      std::vector<double> want;
      const std::vector<double> from = x.to_vector<double>();
      for (std::int64_t row = 0; row < 11; ++row)
        for (std::int64_t i = 0; i < columns; ++i) {
          double sum = 0;
          for (std::int64_t k = -6; k <= 6; ++k)
            if (row + k >= 0 && row + k < 11)
              sum += static_cast<double>(weights[static_cast<std::size_t>(std::abs(k))]) *
                     from[static_cast<std::size_t>((row + k) * columns + i)];
          want.push_back(sum);
        }
      EXPECT_TRUE(close(smoothed(x, 1.5), Tensor::from(want, x.shape()), kTolerance)) << columns;
    }
  });
}

TEST(Warp, MovesImagesAsScipyDoes) {
  for_each_target([] {
    Golden golden("transforms");
    for (const char* name :
         {"turned", "back", "larger", "smaller", "shifted", "all", "single", "away"}) {
      SCOPED_TRACE(name);
      const auto& c = golden.read(std::string("affine_") + name);
      const std::vector<double> map = c.at("map").to_vector<double>();
      const Tensor y = warped(c.at("x"), [&](auto from, auto to) {
        const AffineMap affine{.degrees = map[0], .scale = map[1], .down = map[2], .right = map[3]};
        data::warp_affine(from, affine, static_cast<float>(map[4]), to);
      });
      EXPECT_TRUE(close(y, c.at("y").to(Dtype::f32), kTolerance));
    }
    for (const char* name : {"small", "large", "row"}) {
      SCOPED_TRACE(name);
      const auto& c = golden.read(std::string("displaced_") + name);
      EXPECT_TRUE(close(displaced(c.at("x"), c.at("field"), number(c.at("fill"))),
                        c.at("y").to(Dtype::f32), kDisplacedTolerance));
    }
    for (const char* name : {"narrow", "wide", "wider_than_the_image", "point"}) {
      SCOPED_TRACE(name);
      const auto& c = golden.read(std::string("smooth_") + name);
      EXPECT_TRUE(
          close(smoothed(c.at("x"), number(c.at("sigma"))), c.at("y").to(Dtype::f32), kTolerance));
    }
    for (const char* name : {"simard", "rough"}) {
      SCOPED_TRACE(name);
      const auto& c = golden.read(std::string("elastic_") + name);
      const double sigma = number(c.at("sigma"));
      const std::int64_t height = c.at("x").shape()[1], width = c.at("x").shape()[2];
      // [2, H, W] as [W, 2, H], along x, then as [H, 2, W], along y.
      const Tensor u = permute(c.at("u"), {2, 0, 1}).contiguous();
      const Tensor along_x = smoothed(reshape(u, {width, 2 * height}), sigma);
      const Tensor turned = permute(reshape(along_x, {width, 2, height}), {2, 1, 0}).contiguous();
      const Tensor along_y = smoothed(reshape(turned, {height, 2 * width}), sigma);
      const Tensor field = reshape(along_y, {height, 2, width}) * number(c.at("alpha"));
      EXPECT_TRUE(close(field, c.at("field").to(Dtype::f32), kDisplacedTolerance));
      EXPECT_TRUE(close(displaced(c.at("x"), field, number(c.at("fill"))), c.at("y").to(Dtype::f32),
                        kDisplacedTolerance));
    }
  });
}

TEST(Warp, TheIdentityChangesNoBit) {
  for_each_target([] {
    const Tensor x = Tensor::from({0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}, {1, 2, 3});
    const Tensor same = warped(x, [](auto from, auto to) { data::warp_affine(from, {}, 9, to); });
    EXPECT_EQ(same.to_vector<float>(), x.to_vector<float>());
    EXPECT_EQ(displaced(x, Tensor::zeros({2, 2, 3}), 9).to_vector<float>(), x.to_vector<float>());
  });
}

TEST(Warp, ReadsNothingBeyondTheImage) {
  for_each_target([] {
    const Tensor x = Tensor::ones({1, 3, 2});
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    for (const double far : {-1.0, 3.0, -1e30, 1e30, kInfinity, -kInfinity,
                             std::numeric_limits<double>::quiet_NaN()}) {
      const Tensor field = Tensor::full({3, 2, 2}, far);
      // From -1 on nothing is left of row 0; row 0 itself moved by 3 is the first row beyond.
      Tensor y = displaced(x, field, 5);
      EXPECT_EQ(y[0][0].to_vector<float>(), (std::vector<float>{5, 5})) << far;
    }
    // A hair inside of the border on each side.
    const double least = std::nextafter(1.0, 0.0);
    for (const double near : {-least, least, 3 - 1e-7})
      for (const float value : displaced(x, Tensor::full({3, 2, 2}, near), 5).to_vector<float>())
        EXPECT_TRUE(value >= 1 && value <= 5.001f) << near << ": " << value;
  });
}

}  // namespace
}  // namespace tenon
