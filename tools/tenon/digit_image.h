#pragma once

#include <tenon/core/tensor.h>

#include <cstdint>
#include <string>

namespace tenon::cli {

enum class Invert : std::uint8_t { automatic, always, never };

struct DigitImage {
  Tensor pixels;  ///< f32 [1, 1, H, W]: 0 for the ground, up to 1 for the digit, as in MNIST
  std::int64_t height, width;  ///< of the file's image
  bool is_inverted;            ///< dark was made bright
  bool is_fitted;              ///< was of another size
};

/// Reads a PNG or JPEG file for a model of images of shape [1, 1, H, W]. An image that is dark on
/// bright, which its border tells, is inverted unless `invert` says otherwise. One of another size
/// is prepared as MNIST's were (LeCun et al. 1998): what differs from the ground is scaled to fit
/// into 20/28 of the size, and its centre of mass put into the middle. Throws DataError for an
/// image that cannot be read, or shows nothing.
DigitImage read_digit(const std::string& path, const Shape& shape, Invert invert);

}  // namespace tenon::cli
