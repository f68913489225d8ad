#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/close.h"
#include "tenon/core/random_internal.h"
#include "tenon/data/transforms.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using Plane = std::vector<double>;

/// f(y, x) between four pixels, 0 beyond the border.
double bilinear(const Plane& plane, std::int64_t height, std::int64_t width, double y, double x,
                double fill) {
  double sum = 0;
  for (const double row : {std::floor(y), std::floor(y) + 1}) {
    for (const double column : {std::floor(x), std::floor(x) + 1}) {
      const double weight = (1 - std::abs(row - y)) * (1 - std::abs(column - x));
      const bool is_inside = row >= 0 && column >= 0 && row < static_cast<double>(height) &&
                             column < static_cast<double>(width);
      const auto at = static_cast<std::size_t>(row * static_cast<double>(width) + column);
      sum += weight * (is_inside ? plane[at] : fill);
    }
  }
  return sum;
}

/// A smooth image on which a map can be read off.
Tensor ramp(std::int64_t height, std::int64_t width, double by_row, double by_column) {
  std::vector<double> pixels;
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      pixels.push_back(by_row * static_cast<double>(y) + by_column * static_cast<double>(x));
  return Tensor::from(pixels, {1, height, width});
}

Tensor applied(const data::Transform& transform, const Tensor& x, std::uint64_t seed) {
  Rng rng(seed);
  return transform(x, rng);
}

TEST(Elastic, IsWhatSimardEtAlDescribe) {
  constexpr std::int64_t kHeight = 9, kWidth = 12, kReach = 10;
  constexpr double kAlpha = 20, kSigma = 2.5, kFill = 0.25;
  Rng rng(5);
  const Tensor x = Tensor::uniform({2, kHeight, kWidth}, rng);
  const Tensor y = applied(data::Elastic({.alpha = kAlpha, .sigma = kSigma, .fill = kFill}), x, 77);

  // The noise: each column takes 18 halves of the words of three blocks, the lower ones first.
  const auto noise = [](std::int64_t column, std::int64_t coordinate, std::int64_t row) {
    const std::int64_t i = coordinate * kHeight + row;
    const RandomBlock block = random_block(77, static_cast<std::uint64_t>(3 * column + i / 8));
    const std::uint32_t half = block.words[i % 8 / 2] >> (i % 2 == 0 ? 0 : 16) & 0xffff;
    return (static_cast<double>(half) + 0.5) / 32768 - 1;
  };
  double sum = 0;
  for (std::int64_t i = -kReach; i <= kReach; ++i)
    sum += std::exp(-static_cast<double>(i * i) / (2 * kSigma * kSigma));
  std::vector<double> want;
  double moved = 0;
  for (std::int64_t c = 0; c < 2; ++c) {
    const Plane plane = x[c].to_vector<double>();
    for (std::int64_t row = 0; row < kHeight; ++row) {
      for (std::int64_t column = 0; column < kWidth; ++column) {
        double shift[2] = {0, 0};
        for (std::int64_t i = 0; i < kHeight; ++i)
          for (std::int64_t j = 0; j < kWidth; ++j) {
            if (std::max(std::abs(i - row), std::abs(j - column)) > kReach) continue;
            const auto squared =
                static_cast<double>((i - row) * (i - row) + (j - column) * (j - column));
            const double weight = std::exp(-squared / (2 * kSigma * kSigma)) / (sum * sum);
            for (std::int64_t k = 0; k < 2; ++k) shift[k] += kAlpha * weight * noise(j, k, i);
          }
        moved = std::max(moved, std::abs(shift[0]));
        want.push_back(bilinear(plane, kHeight, kWidth, static_cast<double>(row) + shift[0],
                                static_cast<double>(column) + shift[1], kFill));
      }
    }
  }
  EXPECT_GT(moved, 1);  // pixels: else this test would show nothing
  EXPECT_TRUE(close(y, Tensor::from(want, x.shape()), {1e-5, 1e-5}));
}

TEST(Elastic, TheDisplacementHasTheSizeThatItsPageSays) {
  // On a ramp down the rows the difference is the displacement: of pixels far from the border.
  constexpr std::int64_t kSize = 48, kBorder = 20;
  const Tensor x = ramp(kSize, kSize, 1, 0);
  double squares = 0, sum = 0;
  std::int64_t count = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Tensor d = applied(data::Elastic({.alpha = 34, .sigma = 4}), x, seed) - x;
    for (const double value : slice(slice(d, 1, {.start = kBorder, .stop = kSize - kBorder}), 2,
                                    {.start = kBorder, .stop = kSize - kBorder})
                                  .to_vector<double>()) {
      squares += value * value;
      sum += value;
      ++count;
    }
  }
  // 300 images of an area of about one independent displacement each.
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(count)), 0.163 * 34 / 4, 0.1);
  EXPECT_NEAR(sum / static_cast<double>(count), 0, 0.3);
}

TEST(Elastic, WithoutStrengthChangesNoBit) {
  Rng rng(3);
  const Tensor x = Tensor::uniform({3, 7, 5}, rng);
  EXPECT_EQ(applied(data::Elastic({.alpha = 0}), x, 1).to_vector<float>(), x.to_vector<float>());
}

/// The centre c of a ramp f(y, x) = a y + b x + const says nothing; f at its neighbours says the
/// map.
struct Found {
  double degrees, scale, down, right;
};
Found affine_of(const data::Transform& transform, std::uint64_t seed) {
  constexpr std::int64_t kSize = 41, kCenter = 20;
  const Tensor by_row = applied(transform, ramp(kSize, kSize, 1, 0), seed)[0];
  const Tensor by_column = applied(transform, ramp(kSize, kSize, 0, 1), seed)[0];
  const auto at = [](const Tensor& x, std::int64_t i, std::int64_t j) {
    return x[kCenter + i][kCenter + j].item<double>();
  };
  // A step to the right in the result goes (dy, dx) in the image.
  const double dy = at(by_row, 0, 1) - at(by_row, 0, 0),
               dx = at(by_column, 0, 1) - at(by_column, 0, 0);
  const double length = std::hypot(dy, dx);
  // Where the image's centre is now: back from the position of the result's centre in the image.
  const double y = at(by_row, 0, 0) - kCenter, x = at(by_column, 0, 0) - kCenter;
  return {std::atan2(dy, dx) * 180 / M_PI, 1 / length, -(dx * y - dy * x) / (length * length),
          -(dy * y + dx * x) / (length * length)};
}

/// Mean, least and greatest.
struct Range {
  double sum = 0, least = HUGE_VAL, greatest = -HUGE_VAL;
  int count = 0;
  void add(double value) {
    sum += value;
    ++count;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  void expect_uniform(double low, double high, double accuracy) const {
    const double width = high - low;
    EXPECT_NEAR(sum / count, (low + high) / 2, accuracy + 0.08 * width);  // 4 sigma of 200
    EXPECT_GE(least, low - accuracy);
    EXPECT_LE(greatest, high + accuracy);
    EXPECT_NEAR(least, low, accuracy + 0.05 * width);
    EXPECT_NEAR(greatest, high, accuracy + 0.05 * width);
  }
};

TEST(RandomAffine, DrawsFromItsRanges) {
  Range degrees, scale, down, right;
  const data::RandomAffine all({.degrees = 25, .scale_low = 0.8, .scale_high = 1.5, .pixels = 3});
  double correlation = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Found found = affine_of(all, seed);
    degrees.add(found.degrees);
    scale.add(found.scale);
    down.add(found.down);
    right.add(found.right);
    correlation += found.down * found.right / 200;
  }
  degrees.expect_uniform(-25, 25, 0.01);
  scale.expect_uniform(0.8, 1.5, 0.001);
  down.expect_uniform(-3, 3, 0.001);
  right.expect_uniform(-3, 3, 0.001);
  EXPECT_NEAR(correlation, 0, 0.9);  // 4 sigma of 200 products of variance 9
}

TEST(RandomRotation, TurnsAlone) {
  Range degrees;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Found found = affine_of(data::RandomRotation({.degrees = 15}), seed);
    degrees.add(found.degrees);
    EXPECT_NEAR(found.scale, 1, 1e-4);
    EXPECT_NEAR(found.down, 0, 1e-4);
    EXPECT_NEAR(found.right, 0, 1e-4);
  }
  degrees.expect_uniform(-15, 15, 0.01);
}

TEST(RandomScale, ScalesAlone) {
  Range scale;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Found found = affine_of(data::RandomScale({.low = 0.5, .high = 2}), seed);
    scale.add(found.scale);
    EXPECT_NEAR(found.degrees, 0, 1e-3);
    EXPECT_NEAR(found.down, 0, 1e-4);
    EXPECT_NEAR(found.right, 0, 1e-4);
  }
  scale.expect_uniform(0.5, 2, 0.001);
}

TEST(RandomAffine, WithoutRangesChangesNoBit) {
  Rng rng(3);
  const Tensor x = Tensor::uniform({3, 7, 5}, rng);
  EXPECT_EQ(applied(data::RandomAffine({}), x, 1).to_vector<float>(), x.to_vector<float>());
}

TEST(RandomAffine, FillsWhatComesIn) {
  const Tensor y = applied(data::RandomScale({.low = 0.1, .high = 0.1, .fill = 2}),
                           Tensor::ones({2, 20, 20}), 1);
  EXPECT_EQ(y[1][0][0].item<float>(), 2);
  EXPECT_EQ(y[1][19][19].item<float>(), 2);
  EXPECT_EQ(y[0][10][10].item<float>(), 1);
}

}  // namespace
}  // namespace tenon
