#include "tenon/core/error.h"

#include <gmock/gmock.h>

#include <typeinfo>

#include "support/close.h"
#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"

namespace tenon {
namespace {

using testing::HasSubstr;

struct SampleNet {};

TEST(Fault, TheTextOfTheDesign) {
  const Tensor x = Tensor::zeros({64, 3, 28, 28}), w = Tensor::zeros({6, 1, 5, 5});
  const CallFrame root(typeid(SampleNet).name(), Where::current("src/train.cpp", "main", 42));
  const CallFrame child("conv1", Where::current("src/lenet5.cpp", "forward", 20));
  const std::string text = message_of<ShapeError>([&] {
    Fault("conv2d", call_site())
        .operand("x", x, "N, C, H, W")
        .operand("w", w, "C_out, C_in / groups, K_h, K_w", "groups = 1")
        .fix("Give x 1 channel, or build w with C_in / groups = 3.")
        .raise<ShapeError>("x has 3 channels but w expects 1");
  });
  EXPECT_EQ(text,
            "conv2d: x has 3 channels but w expects 1.\n"
            "  x [64, 3, 28, 28] f32 (N, C, H, W)\n"
            "  w [6, 1, 5, 5] f32 (C_out, C_in / groups, K_h, K_w), groups = 1\n"
            "  Give x 1 channel, or build w with C_in / groups = 3.\n"
            "  at lenet5.cpp:20 in SampleNet.conv1, called from train.cpp:42");
}

TEST(Fault, OutsideOfModulesTheLineAlone) {
  const std::string text = message_of<DtypeError>(
      [] { Fault("exp", Where::current("a/b/user.cpp", "f", 7)).raise<DtypeError>("no"); });
  EXPECT_EQ(text, "exp: no.\n  at user.cpp:7");
}

TEST(Fault, OriginReplacesTheLibrarysOwnLines) {
  const Origin origin(Where::current("user.cpp", "f", 3));
  const Origin inner(Where::current("library.cpp", "g", 99));
  EXPECT_EQ(to_string(locate(Where::current("deep.cpp", "h", 1))), "at user.cpp:3");
}

TEST(CallPath, IsPoppedAndInterned) {
  const Where where = Where::current("t.cpp", "f", 1);
  std::string first, second;
  for (std::string* text : {&first, &second}) {
    const CallFrame root(typeid(SampleNet).name(), where);
    const CallFrame block("block", where), conv("conv", where);
    *text = to_string(locate(where).path);
  }
  EXPECT_EQ(first, "SampleNet.block.conv");
  EXPECT_EQ(first, second);
  EXPECT_EQ(locate(where).path, nullptr);
}

TEST(Checks, NameTheOperand) {
  const Where where = Where::current();
  EXPECT_THAT(message_of<ShapeError>([&] { check_defined("exp", "x", Tensor(), where); }),
              HasSubstr("exp: x is an undefined tensor"));
  EXPECT_THAT(message_of<DtypeError>([&] { check_floating("exp", Tensor::arange(3), where); }),
              HasSubstr("x [3] i64"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                check_same_dtype("matmul", "a", Tensor::ones({1}), "b",
                                 Tensor::ones({1}, {Dtype::f64}), where);
              }),
              HasSubstr("a is f32 but b is f64"));
}

}  // namespace
}  // namespace tenon
