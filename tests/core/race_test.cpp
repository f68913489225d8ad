#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

#include "tenon/core/parallel.h"

namespace tenon {
namespace {

#ifdef TENON_TSAN

/// Every thread adds to one number without an atomic.
std::int64_t planted_race() {
  set_num_threads(2);
  std::int64_t total = 0;
  parallel_for(64, 1, [&](std::int64_t begin, std::int64_t) { total += begin; });
  return total;
}

TEST(ThreadSanitizerDeathTest, ReportsAPlantedRaceInParallelFor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // 66 is ThreadSanitizer's exit code: a clean end would be 0, a wrong sum alone 1.
  EXPECT_EXIT(std::exit(planted_race() == 2016 ? 0 : 1), testing::ExitedWithCode(66), "data race");
}

#else

TEST(ThreadSanitizer, IsNotPartOfThisBuild) {
  // The race test proper needs the tsan preset; here the same loop without the race.
  std::int64_t parts[64] = {};
  parallel_for(64, 1, [&](std::int64_t begin, std::int64_t) { parts[begin] = begin; });
  std::int64_t total = 0;
  for (const std::int64_t part : parts) total += part;
  EXPECT_EQ(total, 2016);
}

#endif

}  // namespace
}  // namespace tenon
