#include "tenon/data/image_resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon::data {
namespace {

/// The pixels that one output pixel is a mean of, along one axis.
struct Taps {
  std::int64_t first;
  std::vector<float> weights;  // their sum is 1
};

std::vector<Taps> bilinear_taps(std::int64_t from, std::int64_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(step, 1.0);
  std::vector<Taps> all;
  all.reserve(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * step;
    const double begin = std::floor(center - reach + 0.5), end = std::floor(center + reach + 0.5);
    const auto first = static_cast<std::int64_t>(std::max(begin, 0.0));
    const auto last = static_cast<std::int64_t>(std::min(end, static_cast<double>(from))) - 1;
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t j = first; j <= last; ++j) {
      const double distance = std::abs(static_cast<double>(j) + 0.5 - center) / reach;
      weights.push_back(std::max(0.0, 1 - distance));
      sum += weights.back();
    }
    Taps& taps = all.emplace_back(Taps{first, {}});
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return all;
}

/// One plane, first in width, then in height.
template <class T>
void resize_plane(const T* from, Size2 from_size, const std::vector<Taps>& vertical,
                  const std::vector<Taps>& horizontal, float* to) {
  const std::size_t width = horizontal.size();
  std::vector<float> narrow(static_cast<std::size_t>(from_size.height) * width);
  float* out = narrow.data();
  for (std::int64_t y = 0; y < from_size.height; ++y, from += from_size.width) {
    for (const Taps& taps : horizontal) {
      const T* pixel = from + taps.first;
      float sum = 0;
      for (const float weight : taps.weights) sum += weight * static_cast<float>(*pixel++);
      *out++ = sum;
    }
  }
  for (const Taps& taps : vertical) {
    const float* row = narrow.data() + static_cast<std::size_t>(taps.first) * width;
    std::fill(to, to + width, 0.0f);
    for (const float weight : taps.weights) {
      for (std::size_t x = 0; x < width; ++x) to[x] += weight * row[x];
      row += width;
    }
    to += width;
  }
}

}  // namespace

Tensor resize_image(const Tensor& image, Size2 size, Where where) {
  check_defined("resize_image", "image", image, where);
  const auto fault = [&] {
    return Fault("resize_image", where).operand("image", image, "C, H, W");
  };
  if (image.dtype() != Dtype::u8 && image.dtype() != Dtype::f32)
    fault().raise<DtypeError>(
        fmt::format("image must be u8 or f32 but is {}", to_string(image.dtype())));
  if (image.rank() != 3)
    fault().raise<ShapeError>(fmt::format("image must have 3 axes but has {}", image.rank()));
  if (image.numel() == 0) fault().raise<ShapeError>("image is empty");
  if (size.height < 1 || size.width < 1)
    fault().raise<ShapeError>(
        fmt::format("size is {} x {}, expected at least 1 x 1", size.height, size.width));
  const Shape shape{image.shape()[0], size.height, size.width};
  check_sizes("resize_image", shape, Dtype::f32, where);

  const Tensor rows = image.detach().contiguous(where);
  const Size2 from_size{image.shape()[1], image.shape()[2]};
  const std::vector<Taps> vertical = bilinear_taps(from_size.height, size.height);
  const std::vector<Taps> horizontal = bilinear_taps(from_size.width, size.width);
  Tensor y = make_tensor(shape, Dtype::f32);
  for (std::int64_t c = 0; c < shape[0]; ++c) {
    float* to = fresh_elements<float>(y) + c * size.height * size.width;
    const std::int64_t first = c * from_size.height * from_size.width;
    if (image.dtype() == Dtype::u8)
      resize_plane(elements<std::uint8_t>(rows) + first, from_size, vertical, horizontal, to);
    else
      resize_plane(elements<float>(rows) + first, from_size, vertical, horizontal, to);
  }
  return y;
}

}  // namespace tenon::data
