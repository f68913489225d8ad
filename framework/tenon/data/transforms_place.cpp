#include <fmt/format.h>

#include <algorithm>

#include "tenon/core/fault_internal.h"
#include "tenon/core/random.h"
#include "tenon/data/transform_options_internal.h"
#include "tenon/data/transforms.h"

namespace tenon::data {
namespace {

/// Writes result(y, x) = image(y + top, x + left), and `fill` where the image has no pixel.
void copy_window(ImagePixels<const float> image, std::int64_t top, std::int64_t left, float fill,
                 ImagePixels<float> result) {
  // Columns of the result that lie in the image.
  const std::int64_t begin = std::clamp<std::int64_t>(-left, 0, result.width);
  const std::int64_t end = std::clamp<std::int64_t>(image.width - left, begin, result.width);
  for (std::int64_t c = 0; c < result.channels; ++c) {
    for (std::int64_t y = 0; y < result.height; ++y) {
      float* to = result.row(c, y);
      if (y + top < 0 || y + top >= image.height) {
        std::fill(to, to + result.width, fill);
        continue;
      }
      const float* from = image.row(c, y + top);
      std::fill(to, to + begin, fill);
      std::copy(from + begin + left, from + end + left, to + begin);
      std::fill(to + end, to + result.width, fill);
    }
  }
}

void check_size(const OptionCheck& check, Size2 size) {
  if (size.height < 1 || size.width < 1)
    check.fail(fmt::format("size is {} x {}, expected at least 1 x 1", size.height, size.width));
  if (size.height > kMostPixels || size.width > kMostPixels)
    check.fail(fmt::format("size is {} x {}, expected at most {} a side", size.height, size.width,
                           kMostPixels));
}

class PadToSource final : public TransformSource {
 public:
  PadToSource(Size2 size, PadToOptions options) : size_(size), options_(options) {}

  Shape output_shape(const Shape& image, Where where) const override {
    if (image[1] > size_.height || image[2] > size_.width)
      Fault("PadTo", where)
          .fix("Choose a greater size, or crop before.")
          .raise<ShapeError>(fmt::format("an image of {} x {} is greater than the size {} x {}",
                                         image[1], image[2], size_.height, size_.width));
    return {image[0], size_.height, size_.width};
  }
  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng&) const override {
    copy_window(image, -((size_.height - image.height) / 2), -((size_.width - image.width) / 2),
                static_cast<float>(options_.fill), result);
  }

 private:
  const Size2 size_;
  const PadToOptions options_;
};

class CropSource final : public TransformSource {
 public:
  explicit CropSource(const RandomCropOptions& options) : options_(options) {}

  Shape output_shape(const Shape& image, Where where) const override {
    const auto [size, padding, fill] = options_;
    if (image[1] + 2 * padding.height < size.height || image[2] + 2 * padding.width < size.width)
      Fault("RandomCrop", where)
          .fix("Choose a smaller size or more padding.")
          .raise<ShapeError>(fmt::format(
              "an image of {} x {} with padding {} x {} is smaller than the size "
              "{} x {}",
              image[1], image[2], padding.height, padding.width, size.height, size.width));
    return {image[0], size.height, size.width};
  }
  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng& rng) const override {
    const auto [size, padding, fill] = options_;
    const auto start = [&](std::int64_t extent, std::int64_t border, std::int64_t wanted) {
      const auto places = static_cast<std::uint64_t>(extent + 2 * border - wanted + 1);
      return static_cast<std::int64_t>(rng.below(places)) - border;
    };
    const std::int64_t top = start(image.height, padding.height, size.height);
    const std::int64_t left = start(image.width, padding.width, size.width);
    copy_window(image, top, left, static_cast<float>(fill), result);
  }

 private:
  const RandomCropOptions options_;
};

class ShiftSource final : public TransformSource {
 public:
  explicit ShiftSource(RandomShiftOptions options) : options_(options) {}

  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng& rng) const override {
    const auto shift = [&](std::int64_t most) {
      return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(2 * most + 1))) - most;
    };
    const std::int64_t down = shift(options_.pixels.height);
    const std::int64_t right = shift(options_.pixels.width);
    copy_window(image, -down, -right, static_cast<float>(options_.fill), result);
  }

 private:
  const RandomShiftOptions options_;
};

class FlipSource final : public TransformSource {
 public:
  explicit FlipSource(RandomFlipOptions options) : options_(options) {}

  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng& rng) const override {
    const RandomBlock block = random_block(rng.key(), rng.take(1));
    const bool mirrored = uniform_of(block.words[0], 0, 1) < options_.horizontal;
    const bool upside_down = uniform_of(block.words[1], 0, 1) < options_.vertical;
    for (std::int64_t c = 0; c < image.channels; ++c) {
      for (std::int64_t y = 0; y < image.height; ++y) {
        const float* from = image.row(c, upside_down ? image.height - 1 - y : y);
        if (mirrored)
          std::reverse_copy(from, from + image.width, result.row(c, y));
        else
          std::copy_n(from, image.width, result.row(c, y));
      }
    }
  }

 private:
  const RandomFlipOptions options_;
};

const TransformSource* pad_to(Size2 size, PadToOptions options, Where where) {
  const OptionCheck check{"PadTo", where};
  check_size(check, size);
  check.finite("fill", options.fill);
  return new PadToSource(size, options);
}

const TransformSource* random_crop(const RandomCropOptions& options, Where where) {
  const OptionCheck check{"RandomCrop", where};
  check_size(check, options.size);
  if (options.padding.same) check.fail("Padding::same has no meaning here: padding is a number");
  check.between("padding.height", static_cast<double>(options.padding.height), 0, kMostPixels);
  check.between("padding.width", static_cast<double>(options.padding.width), 0, kMostPixels);
  check.finite("fill", options.fill);
  return new CropSource(options);
}

const TransformSource* random_shift(RandomShiftOptions options, Where where) {
  const OptionCheck check{"RandomShift", where};
  check.between("pixels.height", static_cast<double>(options.pixels.height), 0, kMostPixels);
  check.between("pixels.width", static_cast<double>(options.pixels.width), 0, kMostPixels);
  check.finite("fill", options.fill);
  return new ShiftSource(options);
}

const TransformSource* random_flip(RandomFlipOptions options, Where where) {
  const OptionCheck check{"RandomFlip", where};
  check.between("horizontal", options.horizontal, 0, 1);
  check.between("vertical", options.vertical, 0, 1);
  return new FlipSource(options);
}

}  // namespace

PadTo::PadTo(Size2 size, PadToOptions options, Where where)
    : Transform(pad_to(size, options, where), where) {}
RandomCrop::RandomCrop(RandomCropOptions options, Where where)
    : Transform(random_crop(options, where), where) {}
RandomShift::RandomShift(RandomShiftOptions options, Where where)
    : Transform(random_shift(options, where), where) {}
RandomFlip::RandomFlip(RandomFlipOptions options, Where where)
    : Transform(random_flip(options, where), where) {}

}  // namespace tenon::data
