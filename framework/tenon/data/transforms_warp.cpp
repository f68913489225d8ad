#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tenon/core/fault_internal.h"
#include "tenon/core/random_internal.h"
#include "tenon/data/transform_options_internal.h"
#include "tenon/data/transforms.h"
#include "tenon/data/warp_internal.h"
#include "tenon/kernels/simd/warp.h"

namespace tenon::data {
namespace {

Shape sampled_shape(const char* transform, const Shape& image, Where where) {
  constexpr std::int64_t kMost = kernels::simd::kMostSampledSide;
  if (image[1] > kMost || image[2] > kMost)
    Fault(transform, where)
        .raise<ShapeError>(fmt::format("an image of {} x {} is too great, at most {} a side",
                                       image[1], image[2], kMost));
  return image;
}

class AffineSource final : public TransformSource {
 public:
  AffineSource(const char* name, const RandomAffineOptions& options)
      : name_(name), options_(options) {}

  Shape output_shape(const Shape& image, Where where) const override {
    return sampled_shape(name_, image, where);
  }

  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng& rng) const override {
    const RandomBlock block = random_block(rng.key(), rng.take(1));
    const RandomAffineOptions& o = options_;
    const AffineMap map{.degrees = uniform_of(block.words[0], -o.degrees, o.degrees),
                        .scale = uniform_of(block.words[1], o.scale_low, o.scale_high),
                        .down = uniform_of(block.words[2], -o.pixels, o.pixels),
                        .right = uniform_of(block.words[3], -o.pixels, o.pixels)};
    warp_affine(image, map, static_cast<float>(o.fill), result);
  }

 private:
  const char* const name_;
  const RandomAffineOptions options_;
};

class ElasticSource final : public TransformSource {
 public:
  explicit ElasticSource(ElasticOptions options)
      : options_(options), weights_(gaussian_weights(options.sigma)) {}

  Shape output_shape(const Shape& image, Where where) const override {
    return sampled_shape("Elastic", image, where);
  }

  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng& rng) const override {
    const std::int64_t height = image.height, width = image.width;
    // First the columns of both coordinates, [W, 2 H], smoothed along x; then, turned, the rows,
    // [H, 2 W], along y. Rows are padded for the kernel.
    const std::int64_t column_stride = padded(2 * height), row_stride = padded(2 * width);
    const auto count =
        static_cast<std::size_t>(std::max(width * column_stride, height * row_stride));
    thread_local std::vector<float> a, b;  // kept: a batch has many images of one size
    a.resize(count);
    b.resize(count);
    draw(rng, width, 2 * height, column_stride, a.data());
    smooth(a.data(), width, column_stride, b.data());
    const auto alpha = static_cast<float>(options_.alpha);
    for (std::int64_t y = 0; y < height; ++y) {
      float* row = a.data() + y * row_stride;
      for (std::int64_t coordinate = 0; coordinate < 2; ++coordinate) {
        const float* from = b.data() + coordinate * height + y;
        for (std::int64_t x = 0; x < width; ++x) *row++ = alpha * from[x * column_stride];
      }
      std::fill(row, a.data() + (y + 1) * row_stride, 0.0f);
    }
    smooth(a.data(), height, row_stride, b.data());
    warp_displaced(image, b.data(), row_stride, static_cast<float>(options_.fill), result);
  }

 private:
  static std::int64_t padded(std::int64_t columns) {
    constexpr std::int64_t kUnit = kernels::simd::kSmoothedTogether;
    return (columns + kUnit - 1) / kUnit * kUnit;
  }
  void smooth(const float* x, std::int64_t rows, std::int64_t columns, float* y) const {
    kernels::simd::smooth_rows(x, rows, columns, weights_.data(),
                               static_cast<std::int64_t>(weights_.size()) - 1, y);
  }
  /// Fills u [rows, columns] with numbers of 16 bits, in turn those of the stream's words, uniform
  /// in (-1, 1); and zeros behind each row.
  static void draw(Rng& rng, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                   float* u) {
    constexpr std::int64_t kPerBlock = 8;
    const auto blocks = static_cast<std::uint64_t>((columns + kPerBlock - 1) / kPerBlock);
    for (std::int64_t row = 0; row < rows; ++row, u += stride) {
      const std::uint64_t key = rng.key(), first = rng.take(blocks);
      for (std::uint64_t i = 0; i < blocks; ++i) {
        const RandomBlock block = philox(key, first + i, kStreamCounter);
        float* to = u + static_cast<std::int64_t>(i) * kPerBlock;
        for (const std::uint32_t word : block.words) {
          *to++ = static_cast<float>(word & 0xffff) * 0x1p-15f - (1 - 0x1p-16f);
          *to++ = static_cast<float>(word >> 16) * 0x1p-15f - (1 - 0x1p-16f);
        }
      }
      std::fill(u + columns, u + stride, 0.0f);
    }
  }

  const ElasticOptions options_;
  const std::vector<float> weights_;
};

// Beyond this an f32 no longer holds fractions of a pixel.
constexpr double kMostShift = 1e6;
constexpr double kMostDegrees = 1e6;
constexpr double kMostScale = 1e6;

void check_scale(const OptionCheck& check, const char* low_name, double low, const char* high_name,
                 double high) {
  if (!(low > 0)) check.fail(fmt::format("{} is {} but must be above 0", low_name, low));
  check.between(low_name, low, 1 / kMostScale, kMostScale);
  check.between(high_name, high, 1 / kMostScale, kMostScale);
  if (!(low <= high))
    check.fail(
        fmt::format("{} is {} and must not be above {} = {}", low_name, low, high_name, high));
}

const TransformSource* rotation(RandomRotationOptions options, Where where) {
  const OptionCheck check{"RandomRotation", where};
  check.between("degrees", options.degrees, 0, kMostDegrees);
  check.finite("fill", options.fill);
  return new AffineSource(check.transform, {.degrees = options.degrees, .fill = options.fill});
}

const TransformSource* scale(RandomScaleOptions options, Where where) {
  const OptionCheck check{"RandomScale", where};
  check_scale(check, "low", options.low, "high", options.high);
  check.finite("fill", options.fill);
  return new AffineSource(
      check.transform,
      {.scale_low = options.low, .scale_high = options.high, .fill = options.fill});
}

const TransformSource* affine(const RandomAffineOptions& options, Where where) {
  const OptionCheck check{"RandomAffine", where};
  check.between("degrees", options.degrees, 0, kMostDegrees);
  check_scale(check, "scale_low", options.scale_low, "scale_high", options.scale_high);
  check.between("pixels", options.pixels, 0, kMostShift);
  check.finite("fill", options.fill);
  return new AffineSource(check.transform, options);
}

const TransformSource* elastic(ElasticOptions options, Where where) {
  constexpr double kMostSigma = 1000;
  const OptionCheck check{"Elastic", where};
  check.between("alpha", options.alpha, 0, kMostShift);
  if (!(options.sigma > 0))
    check.fail(fmt::format("sigma is {} but must be above 0", options.sigma));
  check.between("sigma", options.sigma, 1e-3, kMostSigma);
  check.finite("fill", options.fill);
  return new ElasticSource(options);
}

}  // namespace

RandomRotation::RandomRotation(RandomRotationOptions options, Where where)
    : Transform(rotation(options, where), where) {}
RandomScale::RandomScale(RandomScaleOptions options, Where where)
    : Transform(scale(options, where), where) {}
RandomAffine::RandomAffine(RandomAffineOptions options, Where where)
    : Transform(affine(options, where), where) {}
Elastic::Elastic(ElasticOptions options, Where where) : Transform(elastic(options, where), where) {}

}  // namespace tenon::data
