#include "tenon/data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/core/tensor_internal.h"
#include "tenon/data/byte_source_internal.h"

namespace tenon::data {
namespace {

constexpr std::size_t kPieceBytes = 1 << 16;

struct ElementType {
  unsigned char code;
  Dtype dtype;             // of the tensor
  std::size_t file_bytes;  // of an element in the file
};
constexpr ElementType kElementTypes[] = {{0x08, Dtype::u8, 1},  {0x09, Dtype::i32, 1},
                                         {0x0b, Dtype::i32, 2}, {0x0c, Dtype::i32, 4},
                                         {0x0d, Dtype::f32, 4}, {0x0e, Dtype::f64, 8}};

struct Header {
  ElementType type;
  Shape shape;
  std::uint64_t body_bytes;
};

std::uint32_t read_big_endian(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

Header read_header(ByteSource& file) {
  unsigned char bytes[4 + 4 * kMaxRank];
  if (const std::size_t got = file.read(bytes, 4); got < 4)
    file.fail(fmt::format("is cut off: {} of the 4 bytes of an IDX magic number", got));
  const ElementType* type = nullptr;
  for (const ElementType& known : kElementTypes)
    if (known.code == bytes[2]) type = &known;
  if (bytes[0] != 0 || bytes[1] != 0 || type == nullptr)
    file.fail(
        fmt::format("is not an IDX file: it begins with {:02x} {:02x} {:02x} {:02x}, expected 00 "
                    "00, an element type "
                    "(08, 09, 0b, 0c, 0d or 0e) and the number of axes",
                    bytes[0], bytes[1], bytes[2], bytes[3]));
  const std::size_t rank = bytes[3];
  if (rank < 1 || rank > kMaxRank)
    file.fail(fmt::format("has {} axes, expected 1 to {}", rank, kMaxRank));
  if (const std::size_t got = file.read(bytes + 4, 4 * rank); got < 4 * rank)
    file.fail(
        fmt::format("is cut off: {} of the {} bytes of the sizes of its axes", got, 4 * rank));

  Header header{*type, Shape::filled(rank, 0), type->file_bytes};
  bool is_empty = false;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    header.shape[axis] = read_big_endian(bytes + 4 + 4 * axis);
    is_empty = is_empty || header.shape[axis] == 0;
  }
  // A product beyond what the file can hold need not be known exactly, so it stops there.
  const std::uint64_t most = file.most_bytes();
  for (std::size_t axis = 0; axis < rank && !is_empty; ++axis) {
    const auto size = static_cast<std::uint64_t>(header.shape[axis]);
    if (header.body_bytes > most / size)
      file.fail(
          fmt::format("is cut off or damaged: it announces {} elements of {} bytes, more than its "
                      "{} bytes can hold",
                      to_string(header.shape), type->file_bytes, file.file_size()));
    header.body_bytes *= size;
  }
  if (is_empty) header.body_bytes = 0;
  // Without elements it may announce anything along the other axes, but strides are their products.
  for (std::int64_t product = 1; const std::int64_t size : header.shape)
    if (__builtin_mul_overflow(product, std::max<std::int64_t>(size, 1), &product))
      file.fail(fmt::format("is damaged: it announces {} elements", to_string(header.shape)));

  const std::uint64_t expected = 4 + 4 * rank + header.body_bytes;
  if (!file.is_gzip() && file.file_size() != expected)
    file.fail(fmt::format("has {} bytes, expected {} for {} elements of {} bytes", file.file_size(),
                          expected, to_string(header.shape), type->file_bytes));
  return header;
}

/// Big-endian elements to native ones; From may be narrower than To.
template <class From, class To>
void convert(const unsigned char* from, To* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    unsigned char bytes[sizeof(From)];
    for (std::size_t b = 0; b < sizeof(From); ++b)
      bytes[std::endian::native == std::endian::little ? sizeof(From) - 1 - b : b] =
          from[i * sizeof(From) + b];
    to[i] = static_cast<To>(
        std::bit_cast<From>(bytes));  // NOLINT(bugprone-signed-char-misuse): a number
  }
}

void convert(unsigned char code, const unsigned char* from, Tensor& y, std::size_t first,
             std::size_t count) {
  switch (code) {
    case 0x08: return convert<std::uint8_t>(from, fresh_elements<std::uint8_t>(y) + first, count);
    case 0x09: return convert<std::int8_t>(from, fresh_elements<std::int32_t>(y) + first, count);
    case 0x0b: return convert<std::int16_t>(from, fresh_elements<std::int32_t>(y) + first, count);
    case 0x0c: return convert<std::int32_t>(from, fresh_elements<std::int32_t>(y) + first, count);
    case 0x0d: return convert<float>(from, fresh_elements<float>(y) + first, count);
    default: return convert<double>(from, fresh_elements<double>(y) + first, count);
  }
}

}  // namespace

Tensor read_idx(const std::string& path, Where where) {
  ByteSource file("read_idx", path, where);
  const Header header = read_header(file);
  Tensor y = make_tensor(header.shape, header.type.dtype);

  const auto count = static_cast<std::size_t>(y.numel());
  const std::size_t width = header.type.file_bytes;
  std::vector<unsigned char> piece(kPieceBytes);
  for (std::size_t done = 0; done < count;) {
    const std::size_t elements_now = std::min(count - done, kPieceBytes / width);
    const std::size_t got = file.read(piece.data(), elements_now * width);
    if (got < elements_now * width)
      file.fail(fmt::format("is cut off: it holds {} of the {} bytes of {} elements of {} bytes",
                            done * width + got, header.body_bytes, to_string(header.shape), width));
    convert(header.type.code, piece.data(), y, done, elements_now);
    done += elements_now;
  }
  // Reading on also makes zlib compare its checksum.
  if (unsigned char extra; file.read(&extra, 1) != 0)
    file.fail(fmt::format("goes on after the {} bytes of {} elements of {} bytes",
                          header.body_bytes, to_string(header.shape), width));
  return y;
}

}  // namespace tenon::data
