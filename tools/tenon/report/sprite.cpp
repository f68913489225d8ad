#include "tools/tenon/report/sprite.h"

#include <tenon/data/image_file.h>
#include <tenon/ops/ops.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace tenon::cli::report {
namespace {

std::string base64(const std::vector<std::uint8_t>& bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < count ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace

nlohmann::ordered_json sprite_of(const Tensor& images) {
  const std::int64_t count = images.size(0), channels = images.size(1), height = images.size(2),
                     width = images.size(3);
  const auto columns =
      std::max<std::int64_t>(1, std::llround(std::ceil(std::sqrt(static_cast<double>(count)))));
  const std::int64_t rows = (count + columns - 1) / columns;
  const Tensor missing = Tensor::zeros({rows * columns - count, channels, height, width});
  const Tensor grid = reshape(concat({images.to(Dtype::f32), missing}, 0),
                              {rows, columns, channels, height, width});
  const Tensor picture =
      reshape(permute(grid, {2, 0, 3, 1, 4}), {channels, rows * height, columns * width});
  return {{"png", "data:image/png;base64," + base64(data::encode_png(picture))},
          {"count", count},
          {"columns", columns},
          {"width", width},
          {"height", height}};
}

Tensor diverging_colours(const Tensor& values, double limit) {
  constexpr double kWhite = 0.97, kBlue[] = {0.13, 0.40, 0.67}, kOrange[] = {0.70, 0.35, 0.02};
  const Tensor scaled = values / (limit > 0 ? limit : 1.0);
  const Tensor positive = clamp(scaled, {.low = 0, .high = 1});
  const Tensor negative = clamp(-scaled, {.low = 0, .high = 1});
  std::vector<Tensor> channels;
  for (std::size_t c = 0; c < 3; ++c)
    channels.push_back(kWhite + positive * (kOrange[c] - kWhite) + negative * (kBlue[c] - kWhite));
  return concat(channels, 1);
}

}  // namespace tenon::cli::report
