#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "tenon/core/tensor_internal.h"
#include "tenon/data/image_file_internal.h"
#include "tenon/data/png_internal.h"

namespace tenon::data {
namespace {

// Signature, and length, name, 13 bytes and checksum of the first chunk.
constexpr std::size_t kHeaderBytes = 8 + 8 + 13 + 4;
constexpr unsigned char kFirstChunk[] = {0, 0, 0, 13, 'I', 'H', 'D', 'R'};
// Of deflate, see byte_source.cpp.
constexpr std::uint64_t kMostDeflateGrowth = 1032;

std::uint32_t read_big_endian(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

/// Checks the size before libpng sees it; libpng checks the rest.
void check_header(const ImageFile& file) {
  const auto bytes = file.bytes();
  if (bytes.size() < kHeaderBytes)
    file.fail(
        fmt::format("is cut off: {} of the {} bytes of a PNG header", bytes.size(), kHeaderBytes));
  if (!std::equal(std::begin(kFirstChunk), std::end(kFirstChunk), bytes.begin() + 8))
    file.fail("is a damaged PNG file: its first chunk is not a header (IHDR of 13 bytes)");

  const std::uint64_t bit_depth = bytes[24];
  const int color_type = bytes[25];
  const std::uint64_t samples = color_type == PNG_COLOR_TYPE_RGB          ? 3
                                : color_type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                                : color_type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                                          : 1;
  const std::uint64_t bits = std::max<std::uint64_t>(1, bit_depth * samples);
  file.check_size(read_big_endian(&bytes[16]), read_big_endian(&bytes[20]),
                  bytes.size() * kMostDeflateGrowth * 8 / bits);
}

class PngReader {
 public:
  explicit PngReader(std::span<const unsigned char> bytes)
      : bytes_(bytes),
        rest_(bytes),
        png_(
            png_create_read_struct(PNG_LIBPNG_VER_STRING, &message_, on_png_error, on_png_warning)),
        info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {
    if (info_ == nullptr) std::snprintf(message_.text, sizeof message_.text, "no memory");
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// Reads up to the pixels, and asks for them as 8 bits, grey or RGB.
  bool begin();
  /// Fills rows of width() * channels() bytes.
  bool read_rows(unsigned char* to);
  const char* message() const { return message_.text; }
  std::size_t width() const { return png_get_image_width(png_, info_); }
  std::size_t height() const { return png_get_image_height(png_, info_); }
  std::size_t channels() const { return png_get_channels(png_, info_); }

 private:
  static void give_bytes(png_structp png, png_bytep to, std::size_t count);

  const std::span<const unsigned char> bytes_;
  std::span<const unsigned char> rest_;
  PngMessage message_;
  png_structp png_;
  png_infop info_;
};

void PngReader::give_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto* const reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->rest_.size()) {
    std::snprintf(reader->message_.text, sizeof reader->message_.text,
                  "it is cut off after %zu bytes", reader->bytes_.size());
    png_longjmp(png, 1);
  }
  std::memcpy(to, reader->rest_.data(), count);
  reader->rest_ = reader->rest_.subspan(count);
}

bool PngReader::begin() {
  if (info_ == nullptr) return false;
  if (setjmp(png_jmpbuf(png_)) != 0) return false;
  png_set_read_fn(png_, this, give_bytes);
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours are checked already
  // Of the optional chunks, none but a palette's transparency can matter: the others (comments,
  // profiles) are not even unpacked.
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png_, info_);

  png_set_strip_16(png_);
  png_set_strip_alpha(png_);
  if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE)
    png_set_palette_to_rgb(png_);
  else if (png_get_bit_depth(png_, info_) < 8)
    png_set_expand_gray_1_2_4_to_8(png_);
  png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  if (png_get_bit_depth(png_, info_) != 8 || (channels() != 1 && channels() != 3) ||
      png_get_rowbytes(png_, info_) != width() * channels())
    png_error(png_, "unexpected layout of the pixels");
  return true;
}

bool PngReader::read_rows(unsigned char* to) {
  if (setjmp(png_jmpbuf(png_)) != 0) return false;
  const std::size_t row_bytes = width() * channels();
  const int passes = png_get_interlace_type(png_, info_) == PNG_INTERLACE_ADAM7 ? 7 : 1;
  for (int pass = 0; pass < passes; ++pass)
    for (std::size_t y = 0; y < height(); ++y) png_read_row(png_, to + y * row_bytes, nullptr);
  png_read_end(png_, nullptr);  // with the last checksums
  return true;
}

}  // namespace

Tensor decode_png(const ImageFile& file) {
  check_header(file);
  PngReader reader(file.bytes());
  const auto fail = [&] { file.fail(fmt::format("is a damaged PNG file: {}", reader.message())); };
  if (!reader.begin()) fail();
  Tensor pixels = make_tensor(
      {static_cast<std::int64_t>(reader.height()), static_cast<std::int64_t>(reader.width()),
       static_cast<std::int64_t>(reader.channels())},
      Dtype::u8);
  if (!reader.read_rows(fresh_elements<std::uint8_t>(pixels))) fail();
  return pixels;
}

}  // namespace tenon::data
