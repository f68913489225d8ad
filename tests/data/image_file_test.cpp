#include "tenon/data/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data/image_support.h"
#include "support/close.h"
#include "support/temporary_folder.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"

namespace tenon {
namespace {

using data::read_image;
using testing::AllOf;
using testing::HasSubstr;

TEST(ReadImage, ReadsEveryKindOfPngExactly) {
  const std::vector<std::string> names = fixtures(".png");
  ASSERT_GE(names.size(), 23U);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const auto& want = expected_images().at(name);
    EXPECT_TRUE(close(read_image(fixture(name)), want.at("file").to(Dtype::u8)));
    EXPECT_TRUE(close(read_image(fixture(name), {.channels = 3}), want.at("rgb").to(Dtype::u8)));
    EXPECT_TRUE(close(read_image(fixture(name), {.channels = 1}), want.at("grey").to(Dtype::u8)));
  }
}

TEST(ReadImage, ReadsEveryKindOfJpegAsPillow) {
  const std::vector<std::string> names = fixtures(".jpg");
  ASSERT_GE(names.size(), 6U);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const auto& want = expected_images().at(name);
    // Releases of libjpeg round differently.
    const Tolerance by_two{.relative = 0, .absolute = 2};
    EXPECT_TRUE(close(read_image(fixture(name)), want.at("file").to(Dtype::u8), by_two));
    EXPECT_TRUE(
        close(read_image(fixture(name), {.channels = 3}), want.at("rgb").to(Dtype::u8), by_two));
    EXPECT_TRUE(
        close(read_image(fixture(name), {.channels = 1}), want.at("grey").to(Dtype::u8), by_two));
  }
}

TEST(ReadImage, TellsTheFormatByTheBytesNotTheName) {
  const TemporaryFolder folder;
  write_bytes(folder / "x.jpg", read_bytes(fixture("rgb8.png")));
  EXPECT_TRUE(close(read_image(folder / "x.jpg"), read_image(fixture("rgb8.png"))));
}

TEST(ReadImage, BytesBehindTheEndDoNotCount) {
  const TemporaryFolder folder;
  for (const std::string name : {"rgb8.png", "full.jpg"}) {
    write_bytes(folder / "x", read_bytes(fixture(name)) + "more");
    EXPECT_TRUE(close(read_image(folder / "x"), read_image(fixture(name))));
  }
}

/// Where the scan that begins at `begin` ends: at the next marker that is no part of its data.
std::size_t end_of_scan(const std::string& jpeg, std::size_t begin) {
  std::size_t at = begin + 2;
  while (jpeg[at] != '\xff' || jpeg[at + 1] == '\0') ++at;
  return at;
}

/// The frame of a progressive file with its first scan, of the means of blocks, several times over.
std::string with_scans(int count) {
  const std::string jpeg = read_bytes(fixture("progressive.jpg"));
  const std::size_t begin = jpeg.find("\xff\xda");
  std::string scan = jpeg.substr(begin, end_of_scan(jpeg, begin) - begin);
  EXPECT_EQ(scan[13], '\x01');  // without its last bit ...
  scan[13] = '\0';              // ... that now none is expected to add
  std::string file = jpeg.substr(0, begin);
  for (int i = 0; i < count; ++i) file += scan;
  return file + "\xff\xd9";
}

TEST(ReadImage, ReadsJpegFilesOfManyScans) {
  const TemporaryFolder folder;
  write_bytes(folder / "one", with_scans(1));
  write_bytes(folder / "many", with_scans(400));
  EXPECT_TRUE(close(read_image(folder / "many"), read_image(folder / "one")));
}

TEST(ReadImage, StrayBytesBetweenTheMarkersOfAJpegDoNotCount) {
  const TemporaryFolder folder;
  const std::string jpeg = read_bytes(fixture("full.jpg"));
  write_bytes(folder / "x", jpeg.substr(0, jpeg.size() - 2) + "stray" + "\xff\xd9");
  EXPECT_TRUE(close(read_image(folder / "x"), read_image(fixture("full.jpg"))));
}

TEST(ReadImage, AFileLargerThanAnyImageIsNotRead) {
  const TemporaryFolder folder;
  write_bytes(folder / "x", kPngSignature);
  std::filesystem::resize_file(folder / "x", (std::uintmax_t{1} << 30) + 1);  // without blocks
  EXPECT_THAT(message_of<DataError>([&] { read_image(folder / "x"); }),
              HasSubstr("has 1073741825 bytes, more than the 1073741824"));
}

/// Into a new file: replacing the bytes of an old one makes some file systems flush them to disk.
void write_new(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);
  write_bytes(path, bytes);
}

/// A broken file, and what its message says beside its name.
struct Broken {
  std::string name;
  std::string bytes;
  std::string says;
};

std::string with_size(std::string jpeg, int height, int width) {
  const std::size_t frame = jpeg.find("\xff\xc0");  // marker, length, precision, height, width
  EXPECT_NE(frame, std::string::npos);
  return jpeg.replace(frame + 5, 4,
                      big_endian(static_cast<std::uint64_t>(height), 2) +
                          big_endian(static_cast<std::uint64_t>(width), 2));
}

std::vector<Broken> broken_files() {
  const std::string end = png_chunk("IEND", "");
  const std::string header = kPngSignature + png_header(3, 2);
  const std::string rows("\0abc\0def", 8);
  const std::string good = header + png_data(rows) + end;
  std::string wrong_sum = good;
  wrong_sum[header.size() - 1] ^= 1;
  std::string wrong_data_sum = good;
  wrong_data_sum[good.size() - end.size() - 1] ^= 1;
  const std::string jpeg = read_bytes(fixture("full.jpg"));
  const std::size_t scan = jpeg.find("\xff\xda");
  std::string bits = jpeg;
  for (std::size_t i = scan + 20; i + 2 < bits.size(); ++i) bits[i] = '\x7f';

  std::string twelve_bits = jpeg;
  twelve_bits[jpeg.find("\xff\xc0") + 4] = 12;
  // The frame of a grey picture has a length of 11 and 1 component of 3 bytes: now it has 2.
  std::string two_components = read_bytes(fixture("grey.jpg"));
  const std::size_t frame = two_components.find(std::string("\xff\xc0\0\x0b", 4));
  two_components[frame + 3] = '\x0e';
  two_components[frame + 9] = '\x02';
  two_components.insert(frame + 13, std::string("\x02\x11\0", 3));

  return {
      {"empty", "", "is empty, expected a PNG or JPEG"},
      {"text", "This is no picture.", "begins with 54 68 69 73 20 69 73 20, expected 89 50"},
      {"one byte", "\x89", "begins with 89, expected"},
      {"GIF", "GIF89a...", "is not a PNG or JPEG file"},
      {"gzip", gzip(good), "compressed with gzip"},
      {"PNG: converted line ends", "\x89PNG\n\x1a\n" + good.substr(8), "is not a PNG or JPEG file"},
      {"PNG: signature alone", kPngSignature, "8 of the 33 bytes of a PNG header"},
      {"PNG: another chunk first", kPngSignature + end + good.substr(8), "first chunk"},
      {"PNG: no width", kPngSignature + png_header(0, 2) + png_data(rows) + end,
       "0 pixels in width and 2 in height, expected at least 1"},
      {"PNG: no height", kPngSignature + png_header(3, 0) + png_data(rows) + end,
       "3 pixels in width and 0 in height, expected at least 1"},
      {"PNG: 2^62 pixels", kPngSignature + png_header(1U << 31, 1U << 31) + png_data(rows) + end,
       "more than the 268435456 that an image may have"},
      {"PNG: 2^28 + 2^14 pixels",
       kPngSignature + png_header(1U << 14, (1U << 14) + 1) + png_data(rows) + end,
       "16384 pixels in width and 16385 in height, more than the 268435456"},
      {"PNG: 2^28 pixels", kPngSignature + png_header(1U << 14, 1U << 14) + png_data(rows) + end,
       "bytes can hold: it is cut off or damaged"},
      {"PNG: 3 bits", kPngSignature + png_header(3, 2, 3) + png_data(rows) + end, "IHDR"},
      {"PNG: colours of kind 5", kPngSignature + png_header(3, 2, 8, 5) + png_data(rows) + end,
       "IHDR"},
      {"PNG: interlaced of kind 2",
       kPngSignature + png_header(3, 2, 8, 0, 2) + png_data(rows) + end, "IHDR"},
      {"PNG: checksum of the header", wrong_sum, "IHDR: CRC error"},
      {"PNG: checksum of the data", wrong_data_sum, "CRC error"},
      {"PNG: no data", header + end, "is a damaged PNG file"},
      {"PNG: no end", header + png_data(rows), "is cut off after"},
      {"PNG: too little data", header + png_data(rows.substr(0, 6)) + end, "is a damaged PNG file"},
      {"PNG: data that is not packed", header + png_chunk("IDAT", rows) + end,
       "is a damaged PNG file"},
      {"PNG: filter of kind 9", header + png_data("\x09" + rows.substr(1)) + end,
       "is a damaged PNG file"},
      {"PNG: no palette", kPngSignature + png_header(3, 2, 8, 3) + png_data(rows) + end,
       "is a damaged PNG file"},
      {"PNG: unknown critical chunk", header + png_chunk("ABCD", "x") + png_data(rows) + end,
       "is a damaged PNG file"},
      {"PNG: a chunk of 4 GiB", header + "\xff\xff\xff\xffIDAT", "is a damaged PNG file"},
      {"JPEG: signature alone", "\xff\xd8\xff", "is a damaged JPEG file"},
      {"JPEG: no picture", "\xff\xd8\xff\xd9", "is a damaged JPEG file"},
      {"JPEG: text behind the signature", "\xff\xd8\xff and some text that is no marker at all",
       "is a damaged JPEG file"},
      {"JPEG: no scan", jpeg.substr(0, scan) + "\xff\xd9", "is a damaged JPEG file"},
      {"JPEG: 2^32 pixels", with_size(jpeg, 65500, 65500),
       "65500 pixels in width and 65500 in height, more than the 268435456"},
      {"JPEG: 2^28 pixels", with_size(jpeg, 16384, 16384), "bytes can hold"},
      {"JPEG: no width", with_size(jpeg, 13, 0), "is a damaged JPEG file"},
      {"JPEG: no height", with_size(jpeg, 0, 19), "is a damaged JPEG file"},
      {"JPEG: taller than its data", with_size(jpeg, 300, 19), "is a damaged JPEG file"},
      {"JPEG: 12 bits", twelve_bits, "data precision 12"},
      {"JPEG: 2 components", two_components, "its colours are none of grey, YCbCr, RGB"},
      {"JPEG: too many scans", with_scans(502), "it has more than 500 scans"},
      {"JPEG: another scan", bits, "is a damaged JPEG file"},
  };
}

TEST(ReadImage, BrokenFilesAreDataErrorsThatNameTheFile) {
  const TemporaryFolder folder;
  const std::string path = folder / "broken.png";
  for (const Broken& file : broken_files()) {
    SCOPED_TRACE(file.name);
    write_new(path, file.bytes);
    const std::int64_t live = memory_stats().live_bytes;
    EXPECT_THAT(message_of<DataError>([&] { read_image(path); }),
                AllOf(HasSubstr("read_image: " + path), HasSubstr(file.says),
                      HasSubstr("image_file_test.cpp")));
    EXPECT_EQ(memory_stats().live_bytes, live);
  }
}

TEST(ReadImage, CutFilesAreDataErrors) {
  const TemporaryFolder folder;
  const std::string path = folder / "cut";
  for (const std::string name :
       {"rgb8.png", "interlaced_rgb8.png", "palette4.png", "full.jpg", "progressive.jpg"}) {
    const std::string good = read_bytes(fixture(name));
    for (int percent = 0; percent < 100; percent += 5) {
      SCOPED_TRACE(name + " at " + std::to_string(percent) + " %");
      write_new(path, good.substr(0, good.size() * static_cast<std::size_t>(percent) / 100));
      EXPECT_THAT(message_of<DataError>([&] { read_image(path); }), HasSubstr(path));
    }
    for (const std::size_t missing : {1, 2, 3}) {
      SCOPED_TRACE(name + " less " + std::to_string(missing) + " bytes");
      write_new(path, good.substr(0, good.size() - missing));
      EXPECT_THAT(message_of<DataError>([&] { read_image(path); }), HasSubstr(path));
    }
  }
}

TEST(ReadImage, EveryFlippedBitOfAPngIsNoticedOrHarmless) {
  const TemporaryFolder folder;
  const std::string path = folder / "flipped";
  for (const std::string name : {"rgb_alpha16.png", "palette_transparent.png", "gamma.png"}) {
    const std::string good = read_bytes(fixture(name));
    const Tensor want = read_image(fixture(name));
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      write_new(path, bad);
      try {
        ASSERT_TRUE(close(read_image(path), want)) << name << " bit " << bit;
      } catch (const DataError&) {
      }
    }
  }
}

// A JPEG file has no checksum: a picture of another size or other pixels may come out.
TEST(ReadImage, NoFlippedBitOfAJpegCrashes) {
  const TemporaryFolder folder;
  const std::string path = folder / "flipped";
  for (const std::string name : {"grey.jpg", "subsampled.jpg", "progressive.jpg", "cmyk.jpg"}) {
    const std::string good = read_bytes(fixture(name));
    int noticed = 0;
    for (std::size_t bit = 0; bit < 8 * good.size(); bit += 3) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      write_new(path, bad);
      try {
        EXPECT_EQ(read_image(path).rank(), 3);
      } catch (const DataError&) {
        ++noticed;
      }
    }
    EXPECT_GT(noticed, 100) << name;
  }
}

TEST(ReadImage, MissingFilesFoldersAndOptionsAreErrors) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<DataError>([&] { read_image(folder / "nothing.png"); }),
              AllOf(HasSubstr("nothing.png cannot be opened"), HasSubstr("No such file")));
  EXPECT_THAT(message_of<DataError>([&] { read_image(folder.path()); }),
              HasSubstr("is a folder, not a file"));
  EXPECT_THAT(message_of<ShapeError>([&] { read_image(fixture("rgb8.png"), {.channels = 4}); }),
              HasSubstr("channels is 4, expected 0, 1 or 3"));
}

}  // namespace
}  // namespace tenon
