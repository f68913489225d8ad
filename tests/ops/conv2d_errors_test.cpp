#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/ops/conv2d.h"

namespace tenon {
namespace {

using testing::HasSubstr;

TEST(Conv2dErrors, SaysWhichChannelsDoNotFit) {
  const std::string text = message_of<ShapeError>([] {
    conv2d(Tensor::zeros({64, 3, 28, 28}), Tensor::zeros({6, 1, 5, 5}));
  });
  EXPECT_THAT(text, HasSubstr("conv2d: x has 3 channels but w expects 1.\n"
                              "  x [64, 3, 28, 28] f32 (N, C, H, W)\n"
                              "  w [6, 1, 5, 5] f32 (C_out, C_in / groups, K_h, K_w), groups = 1\n"
                              "  Give x 1 channel, or build w with C_in / groups = 3.\n"
                              "  at conv2d_errors_test.cpp:"));
}

TEST(Conv2dErrors, SaysWhatIsWrong) {
  const Tensor x = Tensor::zeros({2, 4, 6, 6}), w = Tensor::zeros({6, 4, 3, 3});
  const auto shape_error = [](auto&& body) { return message_of<ShapeError>(body); };
  EXPECT_THAT(shape_error([&] {
                conv2d(Tensor::zeros({4, 6, 6}), w);
              }),
              AllOf(HasSubstr("conv2d: x must have 4 axes but has 3"), HasSubstr("unsqueeze"),
                    HasSubstr("[4, 6, 6]"), HasSubstr("conv2d_errors_test.cpp")));
  EXPECT_THAT(shape_error([&] {
                conv2d(x, Tensor::zeros({6, 4, 3}));
              }),
              HasSubstr("w must have 4 axes but has 3"));
  EXPECT_THAT(shape_error([&] {
                conv2d(x, Tensor::zeros({6, 4, 7, 3}));
              }),
              AllOf(HasSubstr("the kernel covers 7 but the padded height of x is 6"),
                    HasSubstr("[2, 4, 6, 6]"), HasSubstr("[6, 4, 7, 3]")));
  EXPECT_THAT(shape_error([&] {
                conv2d(x, w, {}, {.dilation = {1, 3}});
              }),
              HasSubstr("the kernel covers 7 but the padded width of x is 6"));
  EXPECT_THAT(shape_error([&] {
                conv2d(x, Tensor::zeros({6, 4, 0, 3}));
              }),
              HasSubstr("the kernel is empty"));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.groups = 3}); }),
              AllOf(HasSubstr("4 input and 6 output channels do not divide into 3 groups"),
                    HasSubstr("Choose groups that divide both numbers.")));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.groups = 2}); }),
              AllOf(HasSubstr("x has 4 channels but w expects 8"), HasSubstr("groups = 2"),
                    HasSubstr("build w with C_in / groups = 2")));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.groups = 0}); }),
              HasSubstr("groups must be at least 1 but is 0"));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.groups = -1}); }),
              HasSubstr("groups must be at least 1 but is -1"));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, Tensor::zeros({5})); }),
              AllOf(HasSubstr("b must be [6] but is [5]"), HasSubstr("Build b with shape [6]")));
  EXPECT_THAT(shape_error([&] {
                conv2d(x, w, Tensor::zeros({6, 1}));
              }),
              HasSubstr("b must be [6] but is [6, 1]"));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.stride = 0}); }),
              HasSubstr("stride must be at least 1 but is {0, 0}"));
  EXPECT_THAT(shape_error([&] {
                conv2d(x, w, {}, {.stride = {1, -2}});
              }),
              HasSubstr("stride must be at least 1 but is {1, -2}"));
  EXPECT_THAT(shape_error([&] {
                conv2d(x, w, {}, {.padding = {0, -1}});
              }),
              HasSubstr("padding must be at least 0 but is {0, -1}"));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.dilation = 0}); }),
              HasSubstr("dilation must be at least 1 but is {0, 0}"));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.padding = std::int64_t{1} << 40}); }),
              HasSubstr("padding must be below 2^31"));
  EXPECT_THAT(shape_error([&] { conv2d(x, w, {}, {.padding = (std::int64_t{1} << 31) - 1}); }),
              HasSubstr("conv2d"));
  EXPECT_THAT(shape_error([&] { conv2d({}, w); }), HasSubstr("conv2d: x is an undefined tensor"));
  EXPECT_THAT(shape_error([&] { conv2d(x, {}); }), HasSubstr("conv2d: w is an undefined tensor"));
  EXPECT_THAT(message_of<DtypeError>([&] { conv2d(x.to(Dtype::i64), w); }),
              HasSubstr("x must be f32 or f64 but is i64"));
  EXPECT_THAT(message_of<DtypeError>([&] { conv2d(x, w.to(Dtype::f64)); }),
              HasSubstr("x is f32 but w is f64"));
  EXPECT_THAT(message_of<DtypeError>([&] { conv2d(x, w, Tensor::zeros({6}, {Dtype::f64})); }),
              HasSubstr("x is f32 but b is f64"));
}

}  // namespace
}  // namespace tenon
