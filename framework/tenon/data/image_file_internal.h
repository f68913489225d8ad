#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/data/byte_source_internal.h"

namespace tenon::data {

/// A PNG or JPEG file in memory. Every problem is a DataError that begins "<operation>: <path>".
class ImageFile {
 public:
  enum class Format { png, jpeg };

  ImageFile(const char* operation, const std::string& path, Where where);

  Format format() const { return format_; }
  std::span<const unsigned char> bytes() const { return bytes_; }
  /// Fails unless both are at least 1, within the limit, and `most_pixels` (what a file of these
  /// bytes can hold at best) is not exceeded.
  void check_size(std::uint64_t width, std::uint64_t height, std::uint64_t most_pixels) const;
  /// `what` is the text after "<operation>: <path> ".
  [[noreturn]] void fail(const std::string& what) const { file_.fail(what); }

 private:
  ByteSource file_;
  Format format_ = Format::png;
  std::vector<unsigned char> bytes_;
};

/// The pixels, u8 [H, W, C]: C is 1 for grey, 3 for RGB, and for JPEG 4 for inverted CMYK.
Tensor decode_png(const ImageFile& file);
Tensor decode_jpeg(const ImageFile& file);

/// u8 [C, H, W]; channels is 1, 3, or 0 for as in the file.
Tensor read_image_file(const char* operation, const std::string& path, std::int64_t channels,
                       Where where);

/// Throws ShapeError unless channels is 0, 1 or 3.
void check_channels(const char* operation, std::int64_t channels, Where where);

}  // namespace tenon::data
