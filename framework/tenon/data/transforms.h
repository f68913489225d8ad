#pragma once

#include <cstdint>
#include <vector>

#include "tenon/data/transform.h"
#include "tenon/ops/size2.h"

namespace tenon::data {

// Transforms of images f32 [C, H, W]. The bilinear ones count pixels outside of the image as
// `fill`, change no bit of one that is not moved, and take at most 32,766 pixels a side;
// coordinates are f32. Bad options are a DataError of the constructor, images that do not fit a
// ShapeError of the first batch.

struct PadToOptions {
  double fill = 0;
};
/// The image in the middle of one of a greater size, [C, height, width]; of an odd number of rows
/// or columns the last one is at the end. Throws ShapeError for an image that is greater already.
class PadTo : public Transform {
 public:
  explicit PadTo(Size2 size, PadToOptions options = {}, Where where = Where::current());
};

struct NormalizeOptions {
  std::vector<double> mean;    ///< one a channel, or one for all
  std::vector<double> stddev;  ///< likewise; above 0
};
/// y = (x - mean) / stddev, channel by channel.
class Normalize : public Transform {
 public:
  explicit Normalize(NormalizeOptions options, Where where = Where::current());
};

struct RandomFlipOptions {
  double horizontal = 0.5;  ///< probability that left and right change places
  double vertical = 0;      ///< probability that top and bottom do
};
class RandomFlip : public Transform {
 public:
  explicit RandomFlip(RandomFlipOptions options = {}, Where where = Where::current());
};

struct RandomCropOptions {
  Size2 size = 0;
  Padding2 padding = 0;  ///< rows and columns of `fill` added to each side before
  double fill = 0;
};
/// A part of the padded image, [C, height, width], at a place that is uniform among all.
class RandomCrop : public Transform {
 public:
  explicit RandomCrop(RandomCropOptions options, Where where = Where::current());
};

struct RandomShiftOptions {
  Size2 pixels = 0;  ///< the most, up or down and left or right
  double fill = 0;
};
/// Moves the image by whole pixels, each shift in [-pixels, pixels] equally likely.
class RandomShift : public Transform {
 public:
  explicit RandomShift(RandomShiftOptions options, Where where = Where::current());
};

struct RandomRotationOptions {
  double degrees = 0;
  double fill = 0;
};
/// Turns the image about its centre by an angle uniform in [-degrees, degrees), bilinear.
class RandomRotation : public Transform {
 public:
  explicit RandomRotation(RandomRotationOptions options, Where where = Where::current());
};

struct RandomScaleOptions {
  double low = 1;   ///< above 0; above 1 enlarges what is seen
  double high = 1;  ///< at least low
  double fill = 0;
};
/// Scales the image about its centre by a factor uniform in [low, high), bilinear; its size stays.
class RandomScale : public Transform {
 public:
  explicit RandomScale(RandomScaleOptions options, Where where = Where::current());
};

struct RandomAffineOptions {
  double degrees = 0;     ///< as RandomRotation
  double scale_low = 1;   ///< as RandomScale
  double scale_high = 1;  ///< as RandomScale
  double pixels = 0;      ///< the most that it is shifted, by any fraction of a pixel
  double fill = 0;
};
/// Scales, turns (both about the centre) and shifts the image, in this order and in one bilinear
/// resampling, so that it is blurred once. Each is uniform in its range; positive angles turn
/// counter-clockwise.
class RandomAffine : public Transform {
 public:
  explicit RandomAffine(RandomAffineOptions options, Where where = Where::current());
};

struct ElasticOptions {
  double alpha = 34;  ///< strength; Simard et al. use 34 with sigma 4 on 28 x 28 digits
  double sigma = 4;   ///< of the Gaussian, in pixels: how far neighbours move together
  double fill = 0;
};
/// Elastic distortion (Simard, Steinkraus, Platt, "Best practices for convolutional neural networks
/// applied to visual document analysis", ICDAR 2003): y(p) = x(p + d(p)), bilinear, where both
/// coordinates of the displacement are
///   d = alpha G_sigma * u,    u uniform in (-1, 1), each pixel and coordinate by itself.
/// The Gaussian sums to 1, ends at 4 sigma, and sees zeros beyond the border (as scipy.ndimage's
/// gaussian_filter(u, sigma, mode="constant")); so d has a standard deviation of about
/// 0.163 alpha / sigma pixels. All channels move alike.
class Elastic : public Transform {
 public:
  explicit Elastic(ElasticOptions options = {}, Where where = Where::current());
};

}  // namespace tenon::data
