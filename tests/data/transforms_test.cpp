#include "tenon/data/transforms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/core/random_internal.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using data::Transform;
using testing::AllOf;
using testing::HasSubstr;
using Pixels = std::vector<float>;

/// 1, 2, 3, ...: no pixel is like another or like the fill.
Tensor image(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return reshape(Tensor::arange(channels * height * width).to(Dtype::f32) + 1.0f,
                 {channels, height, width});
}

Tensor applied(const Transform& transform, const Tensor& x, std::uint64_t seed = 1) {
  Rng rng(seed);
  return transform(x, rng);
}

/// result(c, y, x) = x(c, y + top, x + left), plainly.
Tensor window(const Tensor& x, std::int64_t height, std::int64_t width, std::int64_t top,
              std::int64_t left, float fill) {
  const Pixels from = x.to_vector<float>();
  const Shape s = x.shape();
  Pixels to;
  for (std::int64_t c = 0; c < s[0]; ++c)
    for (std::int64_t i = top; i < top + height; ++i)
      for (std::int64_t j = left; j < left + width; ++j)
        to.push_back(i < 0 || j < 0 || i >= s[1] || j >= s[2]
                         ? fill
                         : from[static_cast<std::size_t>((c * s[1] + i) * s[2] + j)]);
  return Tensor::from(to, {s[0], height, width});
}

/// How often each (top, left) in [-most, most]^2 explains the result, over many seeds.
using Counts = std::map<std::pair<std::int64_t, std::int64_t>, int>;
Counts windows_of(const Transform& transform, const Tensor& x, std::int64_t most, float fill,
                  int draws) {
  Counts counts;
  for (int seed = 0; seed < draws; ++seed) {
    const Tensor y = applied(transform, x, static_cast<std::uint64_t>(seed));
    const Pixels got = y.to_vector<float>();
    int found = 0;
    for (std::int64_t top = -most; top <= most; ++top)
      for (std::int64_t left = -most; left <= most; ++left)
        if (window(x, y.shape()[1], y.shape()[2], top, left, fill).to_vector<float>() == got) {
          ++counts[{top, left}];
          ++found;
        }
    EXPECT_EQ(found, 1) << "seed " << seed;
  }
  return counts;
}

double chi_square(const Counts& counts, std::size_t cells, int draws) {
  const double expected = static_cast<double>(draws) / static_cast<double>(cells);
  EXPECT_EQ(counts.size(), cells);
  double sum = 0;
  for (const auto& [cell, count] : counts)
    sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST(PadTo, PutsTheImageInTheMiddle) {
  const Tensor x = image(2, 2, 3);
  EXPECT_TRUE(close(applied(data::PadTo({4, 7}), x), window(x, 4, 7, -1, -2, 0)));
  EXPECT_TRUE(close(applied(data::PadTo({5, 4}, {.fill = -2}), x), window(x, 5, 4, -1, 0, -2)));
  EXPECT_TRUE(close(applied(data::PadTo({2, 3}), x), x));
  EXPECT_EQ(applied(data::PadTo(32), image(1, 28, 28)).shape(), (Shape{1, 32, 32}));
  EXPECT_TRUE(close(applied(data::PadTo(3), Tensor::ones({1, 0, 2})), Tensor::zeros({1, 3, 3})));
}

TEST(Normalize, IsOfEachChannel) {
  const Tensor x = image(2, 1, 2);
  EXPECT_TRUE(close(applied(data::Normalize({.mean = {1, 2}, .stddev = {2, 4}}), x),
                    Tensor::from({0.0f, 0.5f, 0.25f, 0.5f}, {2, 1, 2})));
  EXPECT_TRUE(close(applied(data::Normalize({.mean = {1}, .stddev = {0.5}}), x),
                    Tensor::from({0.0f, 2.0f, 4.0f, 6.0f}, {2, 1, 2})));
  EXPECT_TRUE(close(applied(data::Normalize({.mean = {3}, .stddev = {1, 2}}), x),
                    Tensor::from({-2.0f, -1.0f, 0.0f, 0.5f}, {2, 1, 2})));
}

TEST(RandomFlip, MirrorsAsOftenAsItsProbabilitiesSay) {
  const Tensor x = image(2, 2, 3);
  const auto index = [&](std::vector<float> values) { return Tensor::from(values, {2, 2, 3}); };
  const Pixels plain = x.to_vector<float>();
  const Pixels mirrored = index({3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10}).to_vector<float>();
  const Pixels upside_down = index({4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9}).to_vector<float>();
  const Pixels both = index({6, 5, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7}).to_vector<float>();
  const auto count = [&](const Transform& flip) {
    std::map<Pixels, int> counts;
    for (std::uint64_t seed = 0; seed < 2000; ++seed)
      ++counts[applied(flip, x, seed).to_vector<float>()];
    return counts;
  };
  using Counted = std::map<Pixels, int>;
  EXPECT_EQ(count(data::RandomFlip({.horizontal = 0})), (Counted{{plain, 2000}}));
  EXPECT_EQ(count(data::RandomFlip({.horizontal = 1})), (Counted{{mirrored, 2000}}));
  EXPECT_EQ(count(data::RandomFlip({.horizontal = 0, .vertical = 1})),
            (Counted{{upside_down, 2000}}));
  Counted counts = count(data::RandomFlip({.horizontal = 0.25, .vertical = 0.5}));
  EXPECT_EQ(counts.size(), 4U);
  // Four standard deviations of a count of 750 and 250 in 2000.
  EXPECT_NEAR(counts[plain], 750, 87);
  EXPECT_NEAR(counts[upside_down], 750, 87);
  EXPECT_NEAR(counts[mirrored], 250, 60);
  EXPECT_NEAR(counts[both], 250, 60);
  counts = count(data::RandomFlip());
  EXPECT_NEAR(counts[mirrored], 1000, 90);
  EXPECT_EQ(counts.size(), 2U);
}

TEST(RandomShift, TakesEachShiftAsOften) {
  const Tensor x = image(1, 5, 6);
  // 24 degrees of freedom: above 58.6 once in 10,000.
  EXPECT_LT(chi_square(windows_of(data::RandomShift({.pixels = 2}), x, 2, 0, 2500), 25, 2500), 58);
  const Counts counts =
      windows_of(data::RandomShift({.pixels = {0, 1}, .fill = -1}), image(2, 2, 4), 1, -1, 300);
  EXPECT_EQ(counts.size(), 3U);
  for (const auto& [at, count] : counts) EXPECT_EQ(at.first, 0);
  EXPECT_TRUE(close(applied(data::RandomShift({.pixels = 0}), x), x));
  // Far beyond the image.
  EXPECT_EQ(applied(data::RandomShift({.pixels = 1 << 20, .fill = 3}), x).to_vector<float>(),
            Pixels(30, 3));
}

TEST(RandomCrop, TakesEachPlaceAsOften) {
  const Tensor x = image(2, 5, 4);
  // Places 0 to 2 by 0 to 1; 5 degrees of freedom: above 25.7 once in 10,000.
  const Counts inside = windows_of(data::RandomCrop({.size = {3, 3}}), x, 3, 0, 600);
  EXPECT_LT(chi_square(inside, 6, 600), 25);
  for (const auto& [at, count] : inside) {
    EXPECT_TRUE(at.first >= 0 && at.first <= 2);
    EXPECT_TRUE(at.second >= 0 && at.second <= 1);
  }
  const Counts padded = windows_of(
      data::RandomCrop({.size = {5, 4}, .padding = {1, 2}, .fill = 9.5}), x, 3, 9.5, 1500);
  EXPECT_LT(chi_square(padded, 15, 1500), 42);  // 14 degrees of freedom
  for (const auto& [at, count] : padded) {
    EXPECT_LE(std::abs(at.first), 1);
    EXPECT_LE(std::abs(at.second), 2);
  }
  EXPECT_TRUE(close(applied(data::RandomCrop({.size = {5, 4}}), x), x));
}

TEST(Transforms, CheckTheirOptions) {
  const auto wrong = [](const std::function<Transform()>& make, const std::string& text) {
    EXPECT_THAT(message_of<DataError>([&] { make(); }),
                AllOf(HasSubstr(text), HasSubstr("transforms_test.cpp")));
  };
  wrong([] { return data::PadTo({0, 3}); }, "PadTo: size is 0 x 3, expected at least 1 x 1");
  wrong([] { return data::PadTo({3, INT64_MAX}); }, "expected at most 16777216 a side");
  wrong([] { return data::PadTo(3, {.fill = NAN}); }, "fill is nan but must be a finite f32");
  wrong([] { return data::PadTo(3, {.fill = 1e39}); }, "fill is 1e+39");
  wrong([] { return data::RandomCrop({}); }, "RandomCrop: size is 0 x 0");
  wrong(
      [] {
        return data::RandomCrop({.size = 3, .padding = {-1, 0}});
      },
      "padding.height is -1 but must be in [0, 16777216]");
  wrong([] { return data::RandomCrop({.size = 3, .padding = {0, -2}}); }, "padding.width is -2");
  wrong([] { return data::RandomCrop({.size = 3, .padding = Padding::same}); }, "Padding::same");
  wrong([] { return data::RandomCrop({.size = 3, .fill = INFINITY}); }, "fill is inf");
  wrong([] { return data::RandomShift({.pixels = {-1, 2}}); }, "RandomShift: pixels.height is -1");
  wrong([] { return data::RandomShift({.pixels = {1, INT64_MIN}}); }, "pixels.width is -9.2");
  wrong([] { return data::RandomShift({.pixels = 1, .fill = NAN}); }, "fill is nan");
  wrong([] { return data::RandomFlip({.horizontal = 1.5}); },
        "RandomFlip: horizontal is 1.5 but must be in [0, 1]");
  wrong([] { return data::RandomFlip({.vertical = NAN}); }, "vertical is nan");
  wrong([] { return data::Normalize({}); }, "Normalize: mean is empty");
  wrong([] { return data::Normalize({.mean = {0}, .stddev = {}}); }, "stddev is empty");
  wrong([] { return data::Normalize({.mean = {NAN}, .stddev = {1}}); }, "mean is nan");
  wrong(
      [] {
        return data::Normalize({.mean = {0}, .stddev = {1, 0}});
      },
      "stddev is 0 but must be above 0");
  wrong([] { return data::Normalize({.mean = {0}, .stddev = {-1}}); }, "stddev is -1");
  wrong([] { return data::RandomRotation({.degrees = -5}); }, "RandomRotation: degrees is -5");
  wrong([] { return data::RandomRotation({.degrees = 5, .fill = NAN}); }, "fill is nan");
  wrong([] { return data::RandomScale({.low = 0}); }, "RandomScale: low is 0 but must be above 0");
  wrong([] { return data::RandomScale({.low = 1, .high = 1e9}); }, "high is 1000000000");
  wrong([] { return data::RandomScale({.low = 1.5, .high = 0.5}); },
        "low is 1.5 and must not be above high = 0.5");
  wrong([] { return data::RandomScale({.fill = NAN}); }, "fill is nan");
  wrong([] { return data::RandomAffine({.degrees = NAN}); }, "RandomAffine: degrees is nan");
  wrong([] { return data::RandomAffine({.scale_low = -1}); }, "scale_low is -1");
  wrong([] { return data::RandomAffine({.pixels = -1}); }, "pixels is -1");
  wrong([] { return data::RandomAffine({.fill = NAN}); }, "fill is nan");
  wrong([] { return data::Elastic({.alpha = -1}); }, "Elastic: alpha is -1");
  wrong([] { return data::Elastic({.sigma = 0}); }, "sigma is 0 but must be above 0");
  wrong([] { return data::Elastic({.sigma = 1e9}); }, "sigma is 1000000000 but must be in");
  wrong([] { return data::Elastic({.fill = NAN}); }, "fill is nan");
}

TEST(Transforms, CheckTheImage) {
  const auto wrong = [](const Transform& transform, const Tensor& x, const std::string& text) {
    EXPECT_THAT(message_of<ShapeError>([&] { applied(transform, x); }),
                AllOf(HasSubstr(text), HasSubstr("transforms_test.cpp")));
  };
  wrong(data::PadTo({4, 4}), image(1, 5, 4), "an image of 5 x 4 is greater than the size 4 x 4");
  wrong(data::PadTo({4, 4}), image(1, 4, 5), "an image of 4 x 5");
  wrong(data::RandomCrop({.size = {6, 4}}), image(1, 5, 4),
        "an image of 5 x 4 with padding 0 x 0 is smaller than the size 6 x 4");
  wrong(data::RandomCrop({.size = {5, 7}, .padding = 1}), image(1, 5, 4), "padding 1 x 1");
  wrong(data::Normalize({.mean = {1, 2}, .stddev = {1}}), image(3, 2, 2),
        "mean has 2 values but the image [3, 2, 2] has 3 channels");
  wrong(data::Normalize({.mean = {1}, .stddev = {1, 2}}), image(1, 2, 2), "stddev has 2 values");
  wrong(data::RandomFlip(), Tensor(), "image");
  const auto too_great = [](const Transform& transform, const Shape& shape) {
    return message_of<ShapeError>(
        [&] { transform.source().output_shape(shape, Where::current()); });
  };
  EXPECT_THAT(too_great(data::Elastic(), {1, 32767, 3}),
              HasSubstr("Elastic: an image of 32767 x 3 is too great, at most 32766 a side"));
  EXPECT_THAT(too_great(data::RandomAffine({}), {1, 3, 40000}),
              HasSubstr("RandomAffine: an image of 3 x 40000 is too great"));
  EXPECT_THAT(too_great(data::RandomScale({}), {1, 3, 40000}), HasSubstr("RandomScale: an image"));
  EXPECT_THAT(too_great(data::RandomRotation({}), {1, 3, 40000}),
              HasSubstr("RandomRotation: an image"));
  wrong(data::RandomFlip(), Tensor::zeros({2, 1, 3, 3}), "the image must have 3 axes but has 4");
  Rng rng(1);
  EXPECT_THAT(message_of<DtypeError>([&] {
                data::RandomFlip()(Tensor::zeros({1, 3, 3}, {.dtype = Dtype::u8}), rng);
              }),
              HasSubstr("the image must be f32 but is u8"));
}

}  // namespace
}  // namespace tenon
