#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/core/parallel_internal.h"

namespace tenon {
namespace {

class Parallel : public testing::Test {
 protected:
  ~Parallel() override { set_num_threads(before_); }
  int before_ = num_threads();
};

TEST_F(Parallel, EveryElementOnceInBlocksThatDoNotDependOnThreads) {
  std::set<std::pair<std::int64_t, std::int64_t>> first;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    EXPECT_EQ(num_threads(), threads);
    std::mutex mutex;
    std::set<std::pair<std::int64_t, std::int64_t>> blocks;
    std::vector<std::atomic<int>> hits(103);
    parallel_for(103, 10, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
      const std::lock_guard lock(mutex);
      blocks.emplace(begin, end);
    });
    for (const auto& hit : hits) EXPECT_EQ(hit, 1);
    EXPECT_EQ(blocks.size(), 11u);
    if (threads == 1) first = blocks;
    EXPECT_EQ(blocks, first);
  }
}

TEST_F(Parallel, EmptyAndOddArguments) {
  parallel_for(0, 10, [](std::int64_t, std::int64_t) { FAIL(); });
  parallel_for(-3, 10, [](std::int64_t, std::int64_t) { FAIL(); });
  std::atomic<int> calls{0};
  parallel_for(
      3, 0, [&](std::int64_t begin, std::int64_t end) { calls += static_cast<int>(end - begin); });
  EXPECT_EQ(calls, 3);
  EXPECT_THAT(
      message_of<ShapeError>([] { set_num_threads(0); }),
      testing::AllOf(testing::HasSubstr("0 threads"), testing::HasSubstr("parallel_test.cpp:")));
  EXPECT_THROW(set_num_threads(1 << 20), ShapeError);
}

TEST_F(Parallel, AsManyThreadsRunAsWereAskedFor) {
  // More than the machine has, so that the arena as well as the global control must be right.
  for (const int threads : {2, 4}) {
    set_num_threads(threads);
    std::mutex mutex;
    std::set<std::thread::id> ids;
    std::atomic<int> inside{0};
    run_shards(threads, [&](std::int64_t) {
      ++inside;
      for (int wait = 0; wait < 2000 && inside < threads; ++wait)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::lock_guard lock(mutex);
      ids.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(ids.size(), static_cast<std::size_t>(threads));
  }
}

TEST_F(Parallel, NestedLoopsStayOnTheirThread) {
  set_num_threads(4);
  std::atomic<int> wrong{0};
  parallel_for(8, 1, [&](std::int64_t, std::int64_t) {
    const auto outer = std::this_thread::get_id();
    EXPECT_TRUE(in_parallel_body());
    parallel_for(8, 1,
                 [&](std::int64_t, std::int64_t) { wrong += std::this_thread::get_id() != outer; });
    run_in_arena([&] { wrong += std::this_thread::get_id() != outer; });
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_FALSE(in_parallel_body());
}

TEST_F(Parallel, ExceptionsReachTheCaller) {
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    EXPECT_THROW(parallel_for(100, 1,
                              [](std::int64_t begin, std::int64_t) {
                                if (begin == 57) throw std::runtime_error("57");
                              }),
                 std::runtime_error);
    std::atomic<int> ran{0};
    const std::string first = message_of<std::runtime_error>([&] {
      run_shards(8, [&](std::int64_t i) {
        ++ran;
        if (i >= 3) throw std::runtime_error(std::to_string(i));
      });
    });
    EXPECT_EQ(first, "3") << "the exception of the lowest shard";
    EXPECT_EQ(ran, 8);
    EXPECT_FALSE(in_parallel_body());
  }
}

}  // namespace
}  // namespace tenon
