// Any bytes as an IDX file: read_idx gives what the format says, or a DataError where it says that
// they are none. The format is read here once more, all at once and without care for speed.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <vector>

#include "fuzz/memory_file.h"
#include "tenon/core/error.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/idx.h"

namespace tenon {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kGzip = 16;  // to be added to zlib's windowBits
constexpr int kLargestWindow = 15;
constexpr int kLeastWindow = 9, kLeastMemory = 1;  // the quickest to make

void append_packed(Bytes& to, Input plain) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kLeastWindow + kGzip, kLeastMemory,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    report("zlib has no memory");
  const std::size_t before = to.size();
  to.resize(before + deflateBound(&stream, plain.size()) + 32);
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = to.data() + before;
  stream.avail_out = static_cast<uInt>(to.size() - before);
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) report("zlib did not finish");
  to.resize(before + stream.total_out);
  deflateEnd(&stream);
}

/// All members of a gzip file; nothing where one is broken.
std::optional<Bytes> unpack(Input file) {
  Bytes plain;
  while (!file.empty()) {
    z_stream stream{};
    if (inflateInit2(&stream, kLargestWindow + kGzip) != Z_OK) report("zlib has no memory");
    stream.next_in = const_cast<Bytef*>(file.data());
    stream.avail_in = static_cast<uInt>(file.size());
    int result = Z_OK;
    for (std::array<std::uint8_t, 1 << 14> part; result == Z_OK;) {
      stream.next_out = part.data();
      stream.avail_out = static_cast<uInt>(part.size());
      result = inflate(&stream, Z_NO_FLUSH);
      plain.insert(plain.end(), part.begin(), part.end() - stream.avail_out);
    }
    file = file.last(stream.avail_in);
    inflateEnd(&stream);
    if (result != Z_STREAM_END) return {};
  }
  return plain;
}

struct Idx {
  std::uint8_t type;
  std::size_t width;
  Shape shape;
  double bytes;  // of all elements that are announced; exact where it matters, below 2^53
  Input elements;
};

std::uint64_t big_endian(Input bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

/// What the header of a plain file says; nothing where it is not one of IDX.
std::optional<Idx> parse_header(Input file) {
  if (file.size() < 4 || file[0] != 0 || file[1] != 0) return {};
  const std::uint8_t type = file[2];
  const std::size_t width = type == 0x08 || type == 0x09   ? 1
                            : type == 0x0b                 ? 2
                            : type == 0x0c || type == 0x0d ? 4
                            : type == 0x0e                 ? 8
                                                           : 0;
  const std::size_t rank = file[3], header = 4 + 4 * rank;
  if (width == 0 || rank == 0 || rank > kMaxRank || file.size() < header) return {};
  Idx idx{type, width, Shape::filled(rank, 0), static_cast<double>(width), file.subspan(header)};
  long double strides = 1;  // exact up to 2^64; those of an empty tensor must fit
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::uint64_t size = big_endian(file.subspan(4 + 4 * axis, 4));
    idx.shape[axis] = static_cast<std::int64_t>(size);
    idx.bytes *= static_cast<double>(size);
    strides *= static_cast<long double>(std::max<std::uint64_t>(size, 1));
  }
  return strides < 0x1p63 ? std::optional(idx) : std::nullopt;
}

/// What is in a plain file; nothing where it is not one of IDX.
std::optional<Idx> parse(Input file) {
  const std::optional<Idx> idx = parse_header(file);
  const bool fits = idx && idx->bytes == static_cast<double>(idx->elements.size());
  return fits ? idx : std::nullopt;
}

/// The first byte of an input says what becomes of the rest: it is the file; or what is packed in
/// it, since no fuzzer guesses the checksums of gzip, in one member or in two; or the beginning of
/// what is packed in it, and so many elements follow as its header announces.
Bytes file_of(Input input) {
  constexpr double kMostBytes = 70'000;  // more than the reader takes at once
  const std::uint8_t form = input.front() % 4;
  Bytes plain(input.begin() + 1, input.end());
  if (form == 0) return plain;
  if (form == 3)
    if (const std::optional<Idx> idx = parse_header(plain); idx && idx->bytes <= kMostBytes) {
      const std::size_t header = plain.size() - idx->elements.size(), given = plain.size();
      plain.resize(std::max(given, header + static_cast<std::size_t>(idx->bytes)));
      for (std::size_t i = given; i < plain.size(); ++i)
        plain[i] = static_cast<std::uint8_t>(i * i >> 3);
    }
  const std::size_t first_member = form == 2 ? plain.size() / 2 : plain.size();
  Bytes file;
  append_packed(file, Input(plain).first(first_member));
  if (form == 2) append_packed(file, Input(plain).subspan(first_member));
  return file;
}

/// The bits of an element as wide as they are in the file.
std::uint64_t bits_of(const Tensor& x, std::size_t i, std::uint8_t type) {
  switch (type) {
    case 0x08: return elements<std::uint8_t>(x)[i];
    case 0x09:
    case 0x0b:
    case 0x0c: return static_cast<std::uint64_t>(std::int64_t{elements<std::int32_t>(x)[i]});
    case 0x0d: return std::bit_cast<std::uint32_t>(elements<float>(x)[i]);
    default: return std::bit_cast<std::uint64_t>(elements<double>(x)[i]);
  }
}

void compare(const Tensor& x, const Idx& wanted) {
  constexpr Dtype kDtypes[] = {Dtype::u8,  Dtype::i32, Dtype::boolean, Dtype::i32,
                               Dtype::i32, Dtype::f32, Dtype::f64};
  if (x.dtype() != kDtypes[wanted.type - 0x08] || x.shape() != wanted.shape)
    report("read as " + to_string(x.shape()) + ", expected " + to_string(wanted.shape));
  const bool is_signed = wanted.type >= 0x09 && wanted.type <= 0x0c;
  for (std::size_t i = 0; i < wanted.elements.size() / wanted.width; ++i) {
    std::uint64_t bits = big_endian(wanted.elements.subspan(i * wanted.width, wanted.width));
    const std::size_t above = 64 - 8 * wanted.width;
    if (is_signed)
      bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << above) >> above);
    if (bits_of(x, i, wanted.type) != bits) report("a wrong element, at " + std::to_string(i));
  }
}

}  // namespace
}  // namespace tenon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon;
  if (size == 0) return 0;
  static MemoryFile memory;
  const Bytes file = file_of({data, size});
  memory.set(file);

  const bool is_gzip = file.size() >= 2 && file[0] == 0x1f && file[1] == 0x8b;
  const std::optional<Bytes> plain = is_gzip ? unpack(file) : file;
  const std::optional<Idx> wanted = plain ? parse(*plain) : std::nullopt;
  Tensor got;
  try {
    got = data::read_idx(memory.path());
  } catch (const DataError&) {
    if (wanted) report("a good file was refused");
    return 0;
  }
  if (!wanted) report("a broken file was read");
  compare(got, *wanted);
  return 0;
}
