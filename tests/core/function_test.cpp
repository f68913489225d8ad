#include "tenon/core/function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace tenon {
namespace {

TEST(FunctionRef, CallsWhatItRefersTo) {
  int calls = 0;
  const auto add = [&](int n) { return calls += n; };
  const FunctionRef<int(int)> reference = add;
  EXPECT_EQ(reference(2), 2);
  EXPECT_EQ(reference(3), 5);
}

TEST(Function, OwnsSmallAndLargeCapturesAndDestroysThemOnce) {
  const auto check = [](auto padding) {
    const auto token = std::make_shared<int>(7);
    Function<int(int), 64> function = [token, padding](int n) {
      return *token + n + static_cast<int>(padding[0]);
    };
    EXPECT_EQ(token.use_count(), 2);
    Function<int(int), 64> moved = std::move(function);
    EXPECT_FALSE(function);  // NOLINT(bugprone-use-after-move): a moved-from Function is empty
    EXPECT_EQ(moved(1), 8);
    moved = [](int n) { return n; };
    EXPECT_EQ(token.use_count(), 1);
    EXPECT_EQ(moved(5), 5);
  };
  check(std::array<char, 1>{});
  check(std::array<char, 500>{});
}

TEST(Function, TakesMoveOnlyCapturesAndPassesExceptions) {
  Function<int()> function = [owned = std::make_unique<int>(3)] { return *owned; };
  EXPECT_EQ(function(), 3);
  Function<void()> throwing = [] { throw std::runtime_error("x"); };
  EXPECT_THROW(throwing(), std::runtime_error);
  EXPECT_FALSE(Function<void()>());
}

}  // namespace
}  // namespace tenon
