#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_support.h"
#include "support/close.h"
#include "support/layouts.h"
#include "support/temporary_folder.h"
#include "tenon/core/error.h"
#include "tenon/data/image_file.h"

namespace tenon {
namespace {

using data::encode_png;
using data::read_image;
using data::write_png;
using testing::AllOf;
using testing::HasSubstr;

// read_image is checked against files that others wrote.
TEST(WritePng, WritesWhatReadImageReads) {
  const TemporaryFolder folder;
  for (const std::int64_t channels : {1, 3}) {
    Tensor image = Tensor::empty({channels, 5, 7}, {.dtype = Dtype::u8});
    for (std::int64_t i = 0; i < image.numel(); ++i)
      image.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 37);
    for (const auto& [layout, x] : layouts(image)) {
      SCOPED_TRACE(layout);
      write_png(folder / "x.png", x);
      EXPECT_TRUE(close(read_image(folder / "x.png"), image));
    }
  }
}

TEST(WritePng, TakesAPlaneWithoutChannels) {
  const TemporaryFolder folder;
  write_png(folder / "x.png", Tensor::from({0, 1, 2, 253, 254, 255}, {2, 3}, Dtype::u8));
  EXPECT_TRUE(close(read_image(folder / "x.png"),
                    Tensor::from({0, 1, 2, 253, 254, 255}, {1, 2, 3}, Dtype::u8)));
}

TEST(WritePng, RoundsAndClampsFloatingPixels) {
  const TemporaryFolder folder;
  const std::vector<double> values = {0,  1,   0.5, 1 / 255.0, 1.49 / 255, 1.51 / 255,
                                      -3, 1.1, NAN, 1e300,     -INFINITY,  INFINITY};
  const Tensor want =
      Tensor::from({0, 255, 128, 1, 1, 2, 0, 255, 0, 255, 0, 255}, {1, 3, 4}, Dtype::u8);
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    write_png(folder / "x.png", Tensor::from(values, {3, 4}, dtype));
    EXPECT_TRUE(close(read_image(folder / "x.png"), want));
  }
}

TEST(WritePng, EncodesTheSameBytes) {
  const TemporaryFolder folder;
  const Tensor image = Tensor::full({3, 4, 5}, 0.25);
  write_png(folder / "x.png", image);
  const std::vector<std::uint8_t> bytes = encode_png(image);
  EXPECT_EQ(read_bytes(folder / "x.png"), std::string(bytes.begin(), bytes.end()));
  EXPECT_EQ(read_bytes(folder / "x.png").substr(0, 8), kPngSignature);
}

TEST(WritePng, ReplacesAFileAndLeavesNoOther) {
  const TemporaryFolder folder;
  write_bytes(folder / "x.png", "old");
  write_png(folder / "x.png", Tensor::ones({2, 2}));
  EXPECT_EQ(read_image(folder / "x.png").shape(), (Shape{1, 2, 2}));
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
    ++files;
  EXPECT_EQ(files, 1);
}

TEST(WritePng, WhatCannotBeWrittenIsADataErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  const Tensor image = Tensor::ones({2, 2});
  EXPECT_THAT(message_of<DataError>([&] { write_png(folder / "no/x.png", image); }),
              AllOf(HasSubstr("write_png: cannot write " + folder / "no/x.png"),
                    HasSubstr("there is no folder "), HasSubstr("png_write_test.cpp")));
  std::filesystem::create_directory(folder / "y.png");
  EXPECT_THAT(message_of<DataError>([&] { write_png(folder / "y.png", image); }),
              HasSubstr("cannot write " + folder / "y.png"));
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
    ++entries;
  EXPECT_EQ(entries, 1);
}

TEST(WritePng, ChecksTheImage) {
  const auto shape_error = [](const Tensor& image) {
    return message_of<ShapeError>([&] { encode_png(image); });
  };
  EXPECT_THAT(shape_error(Tensor::ones({4})), HasSubstr("must have 2 or 3 axes but has 1"));
  EXPECT_THAT(shape_error(Tensor::ones({1, 3, 4, 4})), HasSubstr("has 4"));
  EXPECT_THAT(shape_error(Tensor::ones({2, 4, 4})),
              AllOf(HasSubstr("encode_png: image has 2 channels, expected 1 (grey) or 3 (RGB)"),
                    HasSubstr("[2, 4, 4]")));
  EXPECT_THAT(shape_error(Tensor::ones({3, 0, 4})), HasSubstr("0 rows of 4 pixels"));
  EXPECT_THAT(shape_error(Tensor()), HasSubstr("undefined"));
  EXPECT_THAT(message_of<DtypeError>([] {
                encode_png(Tensor::ones({2, 2}, {.dtype = Dtype::i64}));
              }),
              HasSubstr("image must be u8, f32 or f64 but is i64"));
}

}  // namespace
}  // namespace tenon
