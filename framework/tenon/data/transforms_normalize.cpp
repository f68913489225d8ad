#include <fmt/format.h>

#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/data/transform_options_internal.h"
#include "tenon/data/transforms.h"

namespace tenon::data {
namespace {

class NormalizeSource final : public TransformSource {
 public:
  explicit NormalizeSource(NormalizeOptions options) : options_(std::move(options)) {}

  Shape output_shape(const Shape& image, Where where) const override {
    check_channels("mean", options_.mean, image, where);
    check_channels("stddev", options_.stddev, image, where);
    return image;
  }
  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng&) const override {
    const std::int64_t pixels = image.height * image.width;
    for (std::int64_t c = 0; c < image.channels; ++c) {
      const float mean = of_channel(options_.mean, c), stddev = of_channel(options_.stddev, c);
      const float* from = image.row(c, 0);
      float* to = result.row(c, 0);
      for (std::int64_t i = 0; i < pixels; ++i) to[i] = (from[i] - mean) / stddev;
    }
  }

 private:
  static float of_channel(const std::vector<double>& values, std::int64_t channel) {
    return static_cast<float>(values.size() == 1 ? values[0]
                                                 : values[static_cast<std::size_t>(channel)]);
  }
  static void check_channels(const char* name, const std::vector<double>& values,
                             const Shape& image, Where where) {
    if (values.size() != 1 && static_cast<std::int64_t>(values.size()) != image[0])
      Fault("Normalize", where)
          .raise<ShapeError>(fmt::format("{} has {} values but the image {} has {} channels", name,
                                         values.size(), to_string(image), image[0]));
  }

  const NormalizeOptions options_;
};

const TransformSource* normalize(NormalizeOptions options, Where where) {
  const OptionCheck check{"Normalize", where};
  if (options.mean.empty()) check.fail("mean is empty, expected one value or one a channel");
  if (options.stddev.empty()) check.fail("stddev is empty, expected one value or one a channel");
  for (const double mean : options.mean) check.finite("mean", mean);
  for (const double stddev : options.stddev) {
    check.finite("stddev", stddev);
    if (!(static_cast<float>(stddev) > 0))
      check.fail(fmt::format("stddev is {} but must be above 0", stddev));
  }
  return new NormalizeSource(std::move(options));
}

}  // namespace

Normalize::Normalize(NormalizeOptions options, Where where)
    : Transform(normalize(std::move(options), where), where) {}

}  // namespace tenon::data
