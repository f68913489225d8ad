#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/core/where.h"

namespace tenon::data {

struct ReadImageOptions {
  std::int64_t channels = 0;  ///< 1: grey, 3: RGB, 0: as in the file
};
/// Reads a PNG or JPEG file, whichever its first bytes say, as u8 [C, H, W]. The pixels are those
/// of Pillow's `Image.open(path).convert("L")` or `convert("RGB")`:
///   PNG   1 to 16 bits, grey, palette, RGB, with or without alpha, interlaced or not. Of 16 bits
///         the upper 8 stay; fewer than 8 are spread over 0 to 255; alpha and gamma are ignored
///   JPEG  baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK (as Adobe writes them,
///         inverted). Orientation and colour profiles are ignored
///   grey from RGB   (19595 R + 38470 G + 7471 B + 32768) / 65536, rounded down (ITU-R BT.601)
/// As in the file: 1 channel for grey, else 3. Sizes are checked before memory is allocated: at
/// most 2^28 pixels in a file of at most 1 GiB. Throws DataError for a missing, truncated, damaged
/// or foreign file, ShapeError for other channels. A JPEG file has no checksum: damage that leaves
/// its codes valid shows in the picture alone.
Tensor read_image(const std::string& path, ReadImageOptions options = {},
                  Where where = Where::current());

/// The image as a PNG file, 8 bits, grey or RGB: u8, or f32 or f64 with 0 black and 1 white
/// (rounded; beyond that clamped; NaN is black). image: [H, W], [1, H, W] or [3, H, W], any
/// strides. Throws ShapeError, DtypeError.
std::vector<std::uint8_t> encode_png(const Tensor& image, Where where = Where::current());
/// Writes encode_png(image) so that whoever opens the file at any moment finds the old one or the
/// new one, whole. Throws also DataError when it cannot be written.
void write_png(const std::string& path, const Tensor& image, Where where = Where::current());

}  // namespace tenon::data
