#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tenon/core/atomic_file_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/image_file.h"
#include "tenon/data/png_internal.h"

namespace tenon::data {
namespace {

class PngWriter {
 public:
  explicit PngWriter(std::vector<std::uint8_t>& to)
      : to_(to),
        png_(png_create_write_struct(PNG_LIBPNG_VER_STRING, &message_, on_png_error,
                                     on_png_warning)),
        info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {
    if (info_ == nullptr) std::snprintf(message_.text, sizeof message_.text, "no memory");
  }
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  /// pixels [height, width, channels].
  bool write(const std::uint8_t* pixels, std::uint32_t width, std::uint32_t height,
             std::size_t channels) {
    if (info_ == nullptr) return false;
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_write_fn(png_, this, take_bytes, nullptr);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png_, info_, width, height, 8,
                 channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    for (std::uint32_t y = 0; y < height; ++y)
      png_write_row(png_, pixels + std::size_t{y} * width * channels);
    png_write_end(png_, nullptr);
    return true;
  }
  const char* message() const { return message_.text; }

 private:
  static void take_bytes(png_structp png, png_bytep bytes, std::size_t count) {
    auto* const writer = static_cast<PngWriter*>(png_get_io_ptr(png));
    bool taken = true;
    try {
      writer->to_.insert(writer->to_.end(), bytes, bytes + count);
    } catch (const std::bad_alloc&) {
      taken = false;  // the jump must not leave a handler
    }
    if (!taken) png_error(png, "no memory");
  }

  std::vector<std::uint8_t>& to_;
  PngMessage message_;
  png_structp png_;
  png_infop info_;
};

std::uint8_t byte_of(std::uint8_t value) { return value; }
template <class T>
std::uint8_t byte_of(T value) {
  const T scaled = value * T(255) + T(0.5);
  return !(scaled > 0) ? 0 : static_cast<std::uint8_t>(std::min(scaled, T(255)));
}

/// [C, H, W] to [H, W, C] in bytes.
template <class T>
std::vector<std::uint8_t> interleaved(const Tensor& image, std::int64_t channels) {
  const auto* from = elements<T>(image);
  const std::int64_t count = image.numel() / channels;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(image.numel()));
  auto to = pixels.begin();
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t c = 0; c < channels; ++c) *to++ = byte_of(from[c * count + i]);
  return pixels;
}

std::vector<std::uint8_t> encode(const char* operation, const Tensor& image, Where where) {
  check_defined(operation, "image", image, where);
  const auto fault = [&] { return Fault(operation, where).operand("image", image, "C, H, W"); };
  const std::int64_t rank = image.rank();
  if (rank != 2 && rank != 3)
    fault().raise<ShapeError>(fmt::format("image must have 2 or 3 axes but has {}", rank));
  const std::int64_t channels = rank == 2 ? 1 : image.shape()[0];
  const std::int64_t height = image.size(-2), width = image.size(-1);
  if (channels != 1 && channels != 3)
    fault().raise<ShapeError>(
        fmt::format("image has {} channels, expected 1 (grey) or 3 (RGB)", channels));
  constexpr std::int64_t kMostSize = PNG_UINT_31_MAX;
  if (height < 1 || width < 1 || height > kMostSize || width > kMostSize)
    fault().raise<ShapeError>(fmt::format("image has {} rows of {} pixels, expected 1 to {} each",
                                          height, width, kMostSize));
  const Dtype dtype = image.dtype();
  if (dtype != Dtype::u8 && !is_floating(dtype))
    fault().raise<DtypeError>(
        fmt::format("image must be u8, f32 or f64 but is {}", to_string(dtype)));

  const Tensor rows = image.detach().contiguous(where);
  const std::vector<std::uint8_t> pixels =
      dtype == Dtype::u8    ? interleaved<std::uint8_t>(rows, channels)
      : dtype == Dtype::f32 ? interleaved<float>(rows, channels)
                            : interleaved<double>(rows, channels);
  std::vector<std::uint8_t> bytes;
  PngWriter writer(bytes);
  if (!writer.write(pixels.data(), static_cast<std::uint32_t>(width),
                    static_cast<std::uint32_t>(height), static_cast<std::size_t>(channels)))
    fault().raise<DataError>(fmt::format("libpng fails: {}", writer.message()));
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Tensor& image, Where where) {
  return encode("encode_png", image, where);
}

void write_png(const std::string& path, const Tensor& image, Where where) {
  const std::vector<std::uint8_t> bytes = encode("write_png", image, where);
  const std::string reason = write_file_atomically(path, bytes);
  if (!reason.empty())
    Fault("write_png", where).raise<DataError>(fmt::format("cannot write {}: {}", path, reason));
}

}  // namespace tenon::data
