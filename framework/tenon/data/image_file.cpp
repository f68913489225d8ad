#include "tenon/data/image_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/image_file_internal.h"

namespace tenon::data {
namespace {

constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 28;
constexpr std::uint64_t kMostFileBytes = std::uint64_t{1} << 30;
constexpr unsigned char kPngSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr unsigned char kJpegSignature[] = {0xff, 0xd8, 0xff};

template <std::size_t N>
bool begins_with(std::span<const unsigned char> bytes, const unsigned char (&signature)[N]) {
  return bytes.size() >= N && std::equal(signature, signature + N, bytes.begin());
}

struct Rgb {
  int red, green, blue;
};

// The weights of ITU-R BT.601 in 16 bits, as in Pillow.
std::uint8_t grey_of(Rgb pixel) {
  return static_cast<std::uint8_t>(
      (19595 * pixel.red + 38470 * pixel.green + 7471 * pixel.blue + 32768) >> 16);
}

/// a b / 255, rounded, for bytes.
int scaled(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// From a pixel of C channels, as decoders give them.
template <int C>
Rgb rgb_of(const std::uint8_t* pixel) {
  if constexpr (C == 1) {
    return {pixel[0], pixel[0], pixel[0]};
  } else if constexpr (C == 3) {
    return {pixel[0], pixel[1], pixel[2]};
  } else {
    // Each byte is 255 less the ink. No difference is below 0: scaled(a, k) <= k.
    const int key = pixel[3];
    const auto less_ink = [&](int x) { return key - scaled(255 - x, key); };
    return {less_ink(pixel[0]), less_ink(pixel[1]), less_ink(pixel[2])};
  }
}

/// [H, W, C] to [channels, H, W].
template <int C>
Tensor to_planes(const Tensor& pixels, std::int64_t channels) {
  const Shape shape{channels, pixels.shape()[0], pixels.shape()[1]};
  if (C == 1 && channels == 1) return make_view(pixels, shape, contiguous_strides(shape), 0);
  Tensor y = make_tensor(shape, Dtype::u8);
  const std::int64_t count = shape[1] * shape[2];
  const auto* from = elements<std::uint8_t>(pixels);
  auto* to = fresh_elements<std::uint8_t>(y);
  for (std::int64_t i = 0; i < count; ++i) {
    const Rgb pixel = rgb_of<C>(from + C * i);
    if (channels == 1) {
      to[i] = grey_of(pixel);
    } else {
      to[i] = static_cast<std::uint8_t>(pixel.red);
      to[count + i] = static_cast<std::uint8_t>(pixel.green);
      to[2 * count + i] = static_cast<std::uint8_t>(pixel.blue);
    }
  }
  return y;
}

}  // namespace

ImageFile::ImageFile(const char* operation, const std::string& path, Where where)
    : file_(operation, path, where) {
  if (file_.is_gzip()) fail("is not a PNG or JPEG file: it is compressed with gzip");
  bytes_.resize(std::size(kPngSignature));
  bytes_.resize(file_.read(bytes_.data(), bytes_.size()));
  if (bytes_.empty()) fail("is empty, expected a PNG or JPEG file");
  if (begins_with(bytes_, kJpegSignature)) {
    format_ = Format::jpeg;
  } else if (!begins_with(bytes_, kPngSignature)) {
    std::string found;
    for (const unsigned char byte : bytes_) found += fmt::format(" {:02x}", byte);
    fail(
        fmt::format("is not a PNG or JPEG file: it begins with{}, expected 89 50 4e 47 0d 0a 1a 0a "
                    "(PNG) or ff d8 ff (JPEG)",
                    found));
  }
  if (file_.file_size() > kMostFileBytes)
    fail(fmt::format("has {} bytes, more than the {} that an image may have", file_.file_size(),
                     kMostFileBytes));

  const std::size_t begun = bytes_.size();
  bytes_.resize(std::max<std::size_t>(begun, file_.file_size()));
  bytes_.resize(begun + file_.read(bytes_.data() + begun, bytes_.size() - begun));
}

void ImageFile::check_size(std::uint64_t width, std::uint64_t height,
                           std::uint64_t most_pixels) const {
  const auto wrong = [&](const std::string& why) {
    fail(fmt::format("announces {} pixels in width and {} in height, {}", width, height, why));
  };
  if (width == 0 || height == 0) wrong("expected at least 1");
  if (width > kMostPixels / height)
    wrong(fmt::format("more than the {} that an image may have", kMostPixels));
  if (width * height > most_pixels)
    wrong(fmt::format("more than its {} bytes can hold: it is cut off or damaged", bytes_.size()));
}

Tensor read_image_file(const char* operation, const std::string& path, std::int64_t channels,
                       Where where) {
  const ImageFile file(operation, path, where);
  const Tensor pixels =
      file.format() == ImageFile::Format::png ? decode_png(file) : decode_jpeg(file);
  const std::int64_t found = pixels.shape()[2];
  const std::int64_t wanted = channels != 0 ? channels : found == 1 ? 1 : 3;
  if (found == 1) return to_planes<1>(pixels, wanted);
  return found == 3 ? to_planes<3>(pixels, wanted) : to_planes<4>(pixels, wanted);
}

void check_channels(const char* operation, std::int64_t channels, Where where) {
  if (channels != 0 && channels != 1 && channels != 3)
    Fault(operation, where)
        .fix("Give 1 for grey, 3 for RGB, or 0 for what the file has.")
        .raise<ShapeError>(fmt::format("channels is {}, expected 0, 1 or 3", channels));
}

Tensor read_image(const std::string& path, ReadImageOptions options, Where where) {
  check_channels("read_image", options.channels, where);
  return read_image_file("read_image", path, options.channels, where);
}

}  // namespace tenon::data
