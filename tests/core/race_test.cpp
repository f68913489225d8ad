#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "tenon/core/parallel.h"

namespace tenon {
namespace {

#ifdef TENON_TSAN

/// Two threads, both inside for certain, add to one number without an atomic. The relaxed counter
/// that they wait on orders nothing.
std::int64_t planted_race() {
  set_num_threads(2);
  std::atomic<int> inside{0};
  std::int64_t total = 0;
  parallel_for(2, 1, [&](std::int64_t, std::int64_t) {
    inside.fetch_add(1, std::memory_order_relaxed);
    while (inside.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) total += 1;
  });
  return total;
}

TEST(ThreadSanitizerDeathTest, ReportsAPlantedRaceInParallelFor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // 66 is ThreadSanitizer's exit code: a clean end would be 0, a wrong sum alone 1.
  EXPECT_EXIT(std::exit(planted_race() == 2000 ? 0 : 1), testing::ExitedWithCode(66), "data race");
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
