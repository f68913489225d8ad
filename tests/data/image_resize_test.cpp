#include "tenon/data/image_resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "data/image_support.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"

namespace tenon {
namespace {

using data::resize_image;
using testing::AllOf;
using testing::HasSubstr;

TEST(ResizeImage, AgreesWithPyTorch) {
  int cases = 0;
  for (const auto& [name, tensors] : expected_images()) {
    if (!tensors.contains("x")) continue;
    SCOPED_TRACE(name);
    ++cases;
    const Tensor want = tensors.at("y").to(Dtype::f32);
    const Size2 size{want.shape()[1], want.shape()[2]};
    for (const Dtype dtype : {Dtype::u8, Dtype::f32}) {
      for (const auto& [layout, x] : layouts(tensors.at("x").to(dtype))) {
        SCOPED_TRACE(layout);
        EXPECT_TRUE(close(resize_image(x, size), want));
      }
    }
  }
  EXPECT_GE(cases, 6);
}

TEST(ResizeImage, ChecksImageAndSize) {
  const Tensor image = Tensor::ones({1, 2, 2});
  EXPECT_THAT(message_of<ShapeError>([&] {
                resize_image(image, {0, 3});
              }),
              AllOf(HasSubstr("size is 0 x 3"), HasSubstr("[1, 2, 2]")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                resize_image(Tensor::ones({2, 2}), 3);
              }),
              HasSubstr("image must have 3 axes but has 2"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                resize_image(Tensor::ones({1, 0, 2}), 3);
              }),
              HasSubstr("image is empty"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                resize_image(image, {std::int64_t{1} << 40, std::int64_t{1} << 40});
              }),
              HasSubstr("resize_image"));
  EXPECT_THAT(message_of<DtypeError>([&] { resize_image(image.to(Dtype::i32), 3); }),
              HasSubstr("image must be u8 or f32 but is i32"));
}

}  // namespace
}  // namespace tenon
