#include "tenon/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "data/idx_support.h"
#include "support/close.h"
#include "support/temporary_folder.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Case {
  std::string name;
  std::string bytes;
  Dtype dtype;
  std::vector<double> values;
};

std::vector<Case> element_types() {
  const auto f32 = [](float x) { return big_endian(std::bit_cast<std::uint32_t>(x), 4); };
  const auto f64 = [](double x) { return big_endian(std::bit_cast<std::uint64_t>(x), 8); };
  return {
      {"u8",
       idx_header(0x08, {2, 3}) + std::string("\x00\x01\x7f\x80\xfe\xff", 6),
       Dtype::u8,
       {0, 1, 127, 128, 254, 255}},
      {"i8",
       idx_header(0x09, {4}) + std::string("\x00\x7f\x80\xff", 4),
       Dtype::i32,
       {0, 127, -128, -1}},
      {"i16",
       idx_header(0x0b, {3}) + std::string("\x01\x02\x80\x00\xff\xfe", 6),
       Dtype::i32,
       {258, -32768, -2}},
      {"i32",
       idx_header(0x0c, {1, 2}) + std::string("\x01\x02\x03\x04\xff\xff\xff\xfd", 8),
       Dtype::i32,
       {16909060, -3}},
      {"f32", idx_header(0x0d, {2}) + f32(1.5f) + f32(-0.1f), Dtype::f32, {1.5, -0.1f}},
      {"f64", idx_header(0x0e, {2, 1}) + f64(0.1) + f64(-1e300), Dtype::f64, {0.1, -1e300}},
      {"empty", idx_header(0x08, {3, 0, 5}), Dtype::u8, {}},
  };
}

TEST(ReadIdx, ReadsEveryElementTypePlainAndGzip) {
  const TemporaryFolder folder;
  for (const Case& test : element_types()) {
    SCOPED_TRACE(test.name);
    for (const bool packed : {false, true}) {
      write_bytes(folder / "x", packed ? gzip(test.bytes) : test.bytes);
      const Tensor x = data::read_idx(folder / "x");
      EXPECT_EQ(x.dtype(), test.dtype);
      EXPECT_EQ(x.to_vector<double>(), test.values);
    }
  }
}

TEST(ReadIdx, KeepsTheShape) {
  const TemporaryFolder folder;
  write_bytes(folder / "x", idx_header(0x08, {2, 1, 3, 1, 1, 1, 1, 2}) + std::string(12, 'a'));
  EXPECT_EQ(data::read_idx(folder / "x").shape(), (Shape{2, 1, 3, 1, 1, 1, 1, 2}));
}

TEST(ReadIdx, ReadsElementsAcrossBufferEnds) {
  const TemporaryFolder folder;
  std::string bytes = idx_header(0x0e, {40000});
  std::vector<double> want;
  for (int i = 0; i < 40000; ++i) {
    want.push_back(i * 0.37);
    bytes += big_endian(std::bit_cast<std::uint64_t>(want.back()), 8);
  }
  for (const bool packed : {false, true}) {
    write_bytes(folder / "x", packed ? gzip(bytes) : bytes);
    EXPECT_EQ(data::read_idx(folder / "x").to_vector<double>(), want);
  }
}

TEST(ReadIdx, ReadsGzipMembersInARow) {
  const TemporaryFolder folder;
  const std::string bytes = idx_header(0x08, {6}) + "abcdef";
  write_bytes(folder / "x", gzip(bytes.substr(0, 5)) + gzip(bytes.substr(5)));
  EXPECT_EQ(data::read_idx(folder / "x").to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{97, 98, 99, 100, 101, 102}));
}

/// A broken file, and what its message says beside its name.
struct Broken {
  std::string name;
  std::string bytes;
  std::string says;
};

std::vector<Broken> broken_files() {
  const std::string good = idx_header(0x08, {2, 3}) + "abcdef";
  std::string wrong_checksum = gzip(good);
  wrong_checksum[wrong_checksum.size() - 8] ^= 1;
  std::string wrong_length = gzip(good);
  wrong_length[wrong_length.size() - 1] ^= 1;
  std::string wrong_header = gzip(good);
  wrong_header[2] = 7;  // a compression method that does not exist

  std::vector<Broken> files = {
      {"empty", "", "0 of the 4 bytes"},
      {"text", "This is no data.", "54 68 69 73"},
      {"an element type that does not exist", idx_header(0x0a, {2}) + "ab", "00 00 0a 01"},
      {"first byte not zero", "\x01" + idx_header(0x08, {2}).substr(1) + "ab", "01 00 08 01"},
      {"second byte not zero", std::string("\0\x02", 2) + idx_header(0x08, {2}).substr(2) + "ab",
       "00 02 08 01"},
      {"no axes", idx_header(0x08, {}) + "a", "0 axes, expected 1 to 8"},
      {"nine axes", idx_header(0x08, std::vector<std::uint32_t>(9, 1)) + "a",
       "9 axes, expected 1 to 8"},
      {"255 axes", std::string("\0\0\x08\xff", 4), "255 axes"},
      {"little-endian sizes", idx_header(0x08, {0x02000000, 0x03000000}) + "abcdef",
       "[33554432, 50331648]"},
      {"sizes that overflow", idx_header(0x0e, std::vector<std::uint32_t>(8, 0xffffffff)),
       "more than its 36 bytes"},
      {"sizes that overflow to little", idx_header(0x08, {0x10000, 0x10000, 0x10000, 0x10000}),
       "more than its 20 bytes"},
      {"a terabyte", idx_header(0x08, {1 << 20, 1 << 20}) + "abc", "more than its 15 bytes"},
      {"no elements, along sizes that overflow",
       idx_header(0x08, {0, 0xffffffff, 0xffffffff, 0xffffffff}),
       "announces [0, 4294967295, 4294967295, 4294967295] elements"},
      {"one byte more", good + "g", "has 19 bytes, expected 18"},
      {"a second file behind it", good + good, "has 36 bytes, expected 18"},
      {"gzip: empty inside", gzip(""), "0 of the 4 bytes"},
      {"gzip: text inside", gzip("hello world"), "68 65 6c 6c"},
      {"gzip: one byte more inside", gzip(good + "g"), "goes on after the 6 bytes"},
      {"gzip: a terabyte", gzip(idx_header(0x08, {1 << 20, 1 << 20}) + "abc"), "can hold"},
      {"gzip: too little inside", gzip(good.substr(0, 15)), "3 of the 6 bytes"},
      {"gzip: sizes cut", gzip(good.substr(0, 9)), "5 of the 8 bytes"},
      {"gzip: wrong checksum", wrong_checksum, "corrupted"},
      {"gzip: wrong length", wrong_length, "corrupted"},
      {"gzip: unknown method", wrong_header, "corrupted"},
      {"gzip: rubbish behind it", gzip(good) + "rubbish", "corrupted"},
      {"gzip: magic alone", "\x1f\x8b", "cut off"},
  };
  for (const std::size_t length : {1, 3, 4, 7, 11, 12, 13, 17})
    files.push_back({"cut after " + std::to_string(length), good.substr(0, length),
                     length < 12 ? "cut off" : "expected 18"});
  const std::string packed = gzip(good);
  for (std::size_t length = 3; length < packed.size(); length += 2)
    files.push_back(
        {"gzip: cut after " + std::to_string(length), packed.substr(0, length), "cut off"});
  return files;
}

TEST(ReadIdx, BrokenFilesAreDataErrorsThatNameTheFile) {
  const TemporaryFolder folder;
  const std::vector<Broken> files = broken_files();
  ASSERT_GE(files.size(), 40U);
  for (const Broken& file : files) {
    SCOPED_TRACE(file.name);
    const std::string path = folder / "broken-idx";
    write_bytes(path, file.bytes);
    const std::int64_t live = memory_stats().live_bytes;
    EXPECT_THAT(
        message_of<DataError>([&] { data::read_idx(path); }),
        AllOf(HasSubstr("read_idx: " + path), HasSubstr(file.says), HasSubstr("idx_test.cpp")));
    EXPECT_EQ(memory_stats().live_bytes, live);
  }
}

TEST(ReadIdx, EveryFlippedBitOfAGzipFileIsNoticedOrHarmless) {
  const TemporaryFolder folder;
  const std::string plain =
      idx_header(0x08, {4, 50}) + std::string(100, 'a') + std::string(100, 'b');
  const std::string good = gzip(plain);
  const std::string path = folder / "x";
  int noticed = 0;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    write_bytes(path, bad);
    try {
      const std::vector<std::uint8_t> values = data::read_idx(path).to_vector<std::uint8_t>();
      EXPECT_EQ(std::string(values.begin(), values.end()), plain.substr(12)) << "bit " << bit;
    } catch (const DataError&) {
      ++noticed;
    }
  }
  EXPECT_GT(noticed,
            static_cast<int>(8 * (good.size() - 10)));  // the header's time and system are free
}

TEST(ReadIdx, MissingFilesAndFoldersAreDataErrors) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<DataError>([&] { data::read_idx(folder / "nothing"); }),
              AllOf(HasSubstr("nothing cannot be opened"), HasSubstr("No such file")));
  EXPECT_THAT(message_of<DataError>([&] { data::read_idx(folder.path()); }),
              HasSubstr("is a folder, not a file"));
  EXPECT_THAT(message_of<DataError>([&] { data::read_idx("/dev/zero"); }),
              HasSubstr("not a regular file"));
  EXPECT_THAT(message_of<DataError>([&] { data::read_idx(""); }), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace tenon
