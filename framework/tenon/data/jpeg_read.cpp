// clang-format off
#include <stdio.h>  // jpeglib.h uses it
#include <jpeglib.h>
#include <jerror.h>
// clang-format on
#include <fmt/format.h>

#include <csetjmp>
#include <limits>

#include "tenon/core/tensor_internal.h"
#include "tenon/data/image_file_internal.h"

namespace tenon::data {
namespace {

// A Huffman code has at least 1 bit, and no frame has fewer than one block for 128 pixels: 9 for 32
// by 32, with one component that is subsampled 4 times in height and one that is in width.
constexpr std::uint64_t kMostPixelsPerByte = 1024;
// Nobody needs more than some ten; a small file of very many can keep a decoder busy for hours
// (libjpeg-turbo's recommendation).
constexpr int kMostScans = 500;

/// libjpeg calls error_exit for an error and must not get control back: it jumps to the last
/// setjmp, over frames without running their destructors. So the functions that call libjpeg have
/// trivial locals alone, and return false after a jump.
class JpegReader {
 public:
  explicit JpegReader(std::span<const unsigned char> bytes) : bytes_(bytes) {}
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  bool read_header();
  bool begin();
  /// Fills rows of width() * channels() bytes.
  bool read_rows(unsigned char* to);
  const char* message() const { return message_; }
  std::size_t width() const { return jpeg_.image_width; }
  std::size_t height() const { return jpeg_.image_height; }
  std::size_t channels() const { return static_cast<std::size_t>(jpeg_.output_components); }
  bool is_arithmetic() const { return jpeg_.arith_code != 0; }

 private:
  [[noreturn]] static void on_error(j_common_ptr common);
  static void on_message(j_common_ptr common, int level);
  static void on_progress(j_common_ptr common);
  [[noreturn]] void fail(const char* message);
  bool set_output();

  const std::span<const unsigned char> bytes_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf back_{};
  char message_[JMSG_LENGTH_MAX] = "";
};

void JpegReader::on_error(j_common_ptr common) {
  auto* const reader = static_cast<JpegReader*>(common->client_data);
  common->err->format_message(common, reader->message_);
  std::longjmp(reader->back_, 1);
}

void JpegReader::fail(const char* message) {
  std::snprintf(message_, sizeof message_, "%s", message);
  std::longjmp(back_, 1);
}

/// libjpeg warns of damage (level -1) and paints over it in grey: here that is an error, but for
/// what does not touch the pixels.
void JpegReader::on_message(j_common_ptr common, int level) {
  const int code = common->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM &&
      code != JWRN_JFIF_MAJOR && code != JWRN_BOGUS_ICC)
    on_error(common);
}

void JpegReader::on_progress(j_common_ptr common) {
  auto* const reader = static_cast<JpegReader*>(common->client_data);
  if (reader->jpeg_.input_scan_number > kMostScans) reader->fail("it has more than 500 scans");
}

bool JpegReader::read_header() {
  jpeg_.err = jpeg_std_error(&errors_);
  errors_.error_exit = on_error;
  errors_.emit_message = on_message;
  errors_.output_message = [](j_common_ptr) {};
  jpeg_.client_data = this;
  if (setjmp(back_) != 0) return false;
  jpeg_create_decompress(&jpeg_);
  progress_.progress_monitor = on_progress;
  jpeg_.progress = &progress_;
  jpeg_mem_src(&jpeg_, bytes_.data(), static_cast<unsigned long>(bytes_.size()));
  jpeg_read_header(&jpeg_, TRUE);
  if (jpeg_.data_precision != 8) {
    std::snprintf(message_, sizeof message_, "Unsupported JPEG data precision %d",
                  jpeg_.data_precision);
    std::longjmp(back_, 1);
  }
  return true;
}

bool JpegReader::set_output() {
  switch (jpeg_.jpeg_color_space) {
    case JCS_GRAYSCALE: jpeg_.out_color_space = JCS_GRAYSCALE; return true;
    case JCS_YCbCr:
    case JCS_RGB: jpeg_.out_color_space = JCS_RGB; return true;
    case JCS_CMYK:
    case JCS_YCCK: jpeg_.out_color_space = JCS_CMYK; return true;
    default: return false;
  }
}

bool JpegReader::begin() {
  if (setjmp(back_) != 0) return false;
  if (!set_output()) fail("its colours are none of grey, YCbCr, RGB, CMYK and YCCK");
  jpeg_start_decompress(&jpeg_);
  if (jpeg_.output_width != jpeg_.image_width || jpeg_.output_height != jpeg_.image_height)
    fail("unexpected size of the pixels");
  return true;
}

bool JpegReader::read_rows(unsigned char* to) {
  if (setjmp(back_) != 0) return false;
  const std::size_t row_bytes = width() * channels();
  while (jpeg_.output_scanline < jpeg_.output_height) {
    JSAMPROW row = to + jpeg_.output_scanline * row_bytes;
    jpeg_read_scanlines(&jpeg_, &row, 1);
  }
  jpeg_finish_decompress(&jpeg_);  // up to the marker of the end
  return true;
}

}  // namespace

Tensor decode_jpeg(const ImageFile& file) {
  JpegReader reader(file.bytes());
  const auto fail = [&] {
    file.fail(
        fmt::format("is a damaged JPEG file or of a kind that is not read: {}", reader.message()));
  };
  if (!reader.read_header()) fail();
  file.check_size(reader.width(), reader.height(),
                  reader.is_arithmetic() ? std::numeric_limits<std::uint64_t>::max()
                                         : file.bytes().size() * kMostPixelsPerByte);
  if (!reader.begin()) fail();
  Tensor pixels = make_tensor(
      {static_cast<std::int64_t>(reader.height()), static_cast<std::int64_t>(reader.width()),
       static_cast<std::int64_t>(reader.channels())},
      Dtype::u8);
  if (!reader.read_rows(fresh_elements<std::uint8_t>(pixels))) fail();
  return pixels;
}

}  // namespace tenon::data
