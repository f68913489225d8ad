#include "tenon/kernels/simd/warp.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tenon/data/warp_internal.h"

namespace tenon::data {
namespace {

/// An image with a border of `fill`, one pixel on each side, for the kernel.
class Bordered {
 public:
  Bordered(ImagePixels<const float> image, float fill) : image_(image) {
    const auto stride = static_cast<std::size_t>(image.width + 2);
    const std::int64_t rows = image.channels * (image.height + 2);
    thread_local std::vector<float> memory;  // kept: a batch has many images of one size
    memory.assign(static_cast<std::size_t>(rows) * stride, fill);
    pixels_ = memory.data();
    for (std::int64_t c = 0; c < image.channels; ++c)
      for (std::int64_t y = 0; y < image.height; ++y)
        std::copy_n(image.row(c, y), image.width, plane(c) + (y + 1) * (image.width + 2) + 1);
  }

  /// Row `to_y` of each channel of the result: the image at (y[i], x[i]).
  void sample_row(const float* y, const float* x, ImagePixels<float> result,
                  std::int64_t to_y) const {
    for (std::int64_t c = 0; c < image_.channels; ++c)
      kernels::simd::sample_bilinear(plane(c), image_.height, image_.width, y, x, image_.width,
                                     result.row(c, to_y));
  }

 private:
  float* plane(std::int64_t channel) const {
    return pixels_ + channel * (image_.height + 2) * (image_.width + 2);
  }

  const ImagePixels<const float> image_;
  float* pixels_;
};

/// The coordinates of a row of the result in the image.
struct Coordinates {
  explicit Coordinates(std::int64_t width)
      : y(static_cast<std::size_t>(width)), x(static_cast<std::size_t>(width)) {}
  std::vector<float> y, x;
};

}  // namespace

void warp_affine(ImagePixels<const float> image, const AffineMap& map, float fill,
                 ImagePixels<float> result) {
  const double angle = map.degrees * (std::numbers::pi / 180);
  // From the result back to the image; y points down, so counter-clockwise is (cos, -sin).
  const double along = std::cos(angle) / map.scale, across = std::sin(angle) / map.scale;
  const double center_y = static_cast<double>(image.height - 1) / 2,
               center_x = static_cast<double>(image.width - 1) / 2;
  const Bordered bordered(image, fill);
  Coordinates at(image.width);
  for (std::int64_t to_y = 0; to_y < image.height; ++to_y) {
    const double y = static_cast<double>(to_y) - center_y - map.down;
    for (std::size_t i = 0; i < at.x.size(); ++i) {
      const double x = static_cast<double>(i) - center_x - map.right;
      at.y[i] = static_cast<float>(along * y + across * x + center_y);
      at.x[i] = static_cast<float>(along * x - across * y + center_x);
    }
    bordered.sample_row(at.y.data(), at.x.data(), result, to_y);
  }
}

void warp_displaced(ImagePixels<const float> image, const float* field, std::int64_t stride,
                    float fill, ImagePixels<float> result) {
  const Bordered bordered(image, fill);
  Coordinates at(image.width);
  for (std::int64_t y = 0; y < image.height; ++y) {
    const float *down = field + y * stride, *right = down + image.width;
    for (std::size_t i = 0; i < at.x.size(); ++i) {
      at.y[i] = static_cast<float>(y) + down[i];
      at.x[i] = static_cast<float>(i) + right[i];
    }
    bordered.sample_row(at.y.data(), at.x.data(), result, y);
  }
}

std::vector<float> gaussian_weights(double sigma) {
  const std::int64_t reach = std::llround(4 * sigma);
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t i = 0; i <= reach; ++i) {
    const double distance = static_cast<double>(i) / sigma;
    weights.push_back(std::exp(-distance * distance / 2));
    sum += (i == 0 ? 1 : 2) * weights.back();
  }
  std::vector<float> result;
  result.reserve(weights.size());
  for (const double weight : weights) result.push_back(static_cast<float>(weight / sum));
  return result;
}

}  // namespace tenon::data
