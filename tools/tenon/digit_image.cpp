#include "tools/tenon/digit_image.h"

#include <fmt/format.h>
#include <tenon/core/error.h>
#include <tenon/data/image_file.h>
#include <tenon/data/image_resize.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tenon::cli {
namespace {

/// Brightness, row by row.
struct Plane {
  std::int64_t height, width;
  std::vector<float> values;

  float& at(std::int64_t y, std::int64_t x) {
    return values[static_cast<std::size_t>(y * width + x)];
  }
  float at(std::int64_t y, std::int64_t x) const {
    return values[static_cast<std::size_t>(y * width + x)];
  }
};

float mean_of_border(const Plane& plane) {
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t y = 0; y < plane.height; ++y) {
    const bool is_end = y == 0 || y == plane.height - 1;
    for (std::int64_t x = 0; x < plane.width;
         x += is_end ? 1 : std::max<std::int64_t>(1, plane.width - 1)) {
      sum += plane.at(y, x);
      ++count;
    }
  }
  return static_cast<float>(sum / static_cast<double>(count));
}

/// From the ground up to 1 where it is brightest.
void stretch(Plane& plane, float ground) {
  const float most = *std::max_element(plane.values.begin(), plane.values.end());
  for (float& value : plane.values)
    value = most > ground ? std::clamp((value - ground) / (most - ground), 0.0f, 1.0f) : 0;
}

/// The smallest part that holds all that stands out.
Plane cropped(const Plane& plane) {
  constexpr float kStandsOut = 0.2f;  // above noise and the shadows of paper
  std::int64_t top = plane.height, bottom = 0, left = plane.width, right = 0;
  for (std::int64_t y = 0; y < plane.height; ++y)
    for (std::int64_t x = 0; x < plane.width; ++x) {
      if (plane.at(y, x) < kStandsOut) continue;
      top = std::min(top, y);
      bottom = std::max(bottom, y + 1);
      left = std::min(left, x);
      right = std::max(right, x + 1);
    }
  Plane part{bottom - top, right - left, {}};
  for (std::int64_t y = top; y < bottom; ++y)
    for (std::int64_t x = left; x < right; ++x) part.values.push_back(plane.at(y, x));
  return part;
}

Plane resized(const Plane& plane, std::int64_t height, std::int64_t width) {
  const Tensor image = Tensor::from(plane.values, {1, plane.height, plane.width});
  return {height, width, data::resize_image(image, {height, width}).to_vector<float>()};
}

/// On a ground of 0, with its centre of mass in the middle as far as it fits.
Plane centered(const Plane& digit, std::int64_t height, std::int64_t width) {
  double mass = 0, moment_y = 0, moment_x = 0;
  for (std::int64_t y = 0; y < digit.height; ++y)
    for (std::int64_t x = 0; x < digit.width; ++x) {
      mass += digit.at(y, x);
      moment_y += (static_cast<double>(y) + 0.5) * digit.at(y, x);
      moment_x += (static_cast<double>(x) + 0.5) * digit.at(y, x);
    }
  const auto offset = [&](double moment, std::int64_t part, std::int64_t whole) {
    const auto wanted = std::llround(static_cast<double>(whole) / 2 - moment / mass);
    return std::clamp<std::int64_t>(wanted, 0, whole - part);
  };
  const std::int64_t top = offset(moment_y, digit.height, height);
  const std::int64_t left = offset(moment_x, digit.width, width);
  Plane plane{height, width, std::vector<float>(static_cast<std::size_t>(height * width))};
  for (std::int64_t y = 0; y < digit.height; ++y)
    for (std::int64_t x = 0; x < digit.width; ++x) plane.at(top + y, left + x) = digit.at(y, x);
  return plane;
}

Plane fitted(Plane plane, std::int64_t height, std::int64_t width) {
  stretch(plane, mean_of_border(plane));
  const Plane digit = cropped(plane);
  const double scale = std::min(static_cast<double>(height) / static_cast<double>(digit.height),
                                static_cast<double>(width) / static_cast<double>(digit.width)) *
                       20 / 28;
  const auto scaled = [&](std::int64_t size) {
    return std::max<std::int64_t>(1, std::llround(scale * static_cast<double>(size)));
  };
  Plane small = resized(digit, scaled(digit.height), scaled(digit.width));
  stretch(small, 0);  // thin strokes became dim
  return centered(small, height, width);
}

}  // namespace

DigitImage read_digit(const std::string& path, const Shape& shape, Invert invert) {
  const Tensor image = data::read_image(path, {.channels = 1});
  Plane plane{image.shape()[1], image.shape()[2], image.to_vector<float>()};
  for (float& value : plane.values) value /= 255;
  const auto [least, most] = std::minmax_element(plane.values.begin(), plane.values.end());
  const float darkest = *least, brightest = *most;
  constexpr float kLeastContrast = 0.1f;
  if (brightest - darkest < kLeastContrast)
    throw DataError(fmt::format("{} shows nothing: its brightness is {:.2f} to {:.2f}, of 0 to 1",
                                path, darkest, brightest));
  DigitImage digit{{}, plane.height, plane.width, invert == Invert::always, false};
  if (invert == Invert::automatic)
    digit.is_inverted = mean_of_border(plane) > (darkest + brightest) / 2;
  if (digit.is_inverted)
    for (float& value : plane.values) value = 1 - value;
  const std::int64_t height = shape[2], width = shape[3];
  digit.is_fitted = plane.height != height || plane.width != width;
  if (digit.is_fitted) plane = fitted(std::move(plane), height, width);
  digit.pixels = Tensor::from(plane.values, shape);
  return digit;
}

}  // namespace tenon::cli
