#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "tenon/core/block_internal.h"
#include "tenon/core/memory.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

struct Block {
  unsigned char* memory;
  std::size_t size;
  unsigned char mark;
};

Block take(std::size_t size, unsigned char mark) {
  auto* memory = static_cast<unsigned char*>(allocate_block(size));
  EXPECT_NE(memory, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % kBlockAlignment, 0U) << size;
  std::memset(memory, mark, size);
  return {memory, size, mark};
}

/// Whether nobody wrote into the block meanwhile; gives it back.
bool give_back(const Block& block) {
  bool same = true;
  for (std::size_t i = 0; i < block.size; ++i) same = same && block.memory[i] == block.mark;
  free_block(block.memory, block.size);
  return same;
}

TEST(Blocks, AreAlignedAndApartForEverySize) {
  std::vector<Block> blocks;
  unsigned char mark = 0;
  for (std::size_t size = 0; size < 2000; size += 7) blocks.push_back(take(size, ++mark));
  for (std::size_t size = 1; size <= std::size_t{4} << 20; size = size * 2 + size / 3)
    for (const std::size_t bytes : {size - 1, size, size + 1})
      blocks.push_back(take(bytes, ++mark));
  for (const Block& block : blocks) EXPECT_TRUE(give_back(block)) << block.size;
}

TEST(Blocks, GoBackAndForthBetweenEightThreads) {
  constexpr int kThreads = 8;
  struct Mailbox {
    std::mutex mutex;
    std::vector<Block> blocks;
  };
  std::vector<Mailbox> mailboxes(kThreads);
  std::atomic<int> damaged{0};
  const auto work = [&](std::size_t me) {
    std::uint64_t random = me * 977 + 1;
    for (int i = 0; i < 4000; ++i) {
      random = random * 6364136223846793005U + 1442695040888963407U;
      const std::size_t size = 1 + (random >> 33) % (i % 16 == 0 ? 100000 : 1000);
      const Block block = take(size, static_cast<unsigned char>(random >> 20));
      Mailbox& next = mailboxes[(random >> 50) % kThreads];
      {
        const std::lock_guard lock(next.mutex);
        next.blocks.push_back(block);
      }
      std::vector<Block> mine;
      if (i % 8 == 0) {
        const std::lock_guard lock(mailboxes[me].mutex);
        mine.swap(mailboxes[me].blocks);
      }
      for (const Block& received : mine)
        if (!give_back(received)) ++damaged;
    }
  };
  for (int round = 0; round < 2; ++round) {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
    for (std::thread& thread : threads) thread.join();
    for (Mailbox& mailbox : mailboxes) {
      for (const Block& block : mailbox.blocks)
        if (!give_back(block)) ++damaged;
      mailbox.blocks.clear();
    }
  }
  EXPECT_EQ(damaged, 0);
}

#ifndef TENON_SANITIZE

TEST(Blocks, AreTakenFromTheSystemOnce) {
  const auto use = [] {
    std::vector<Block> blocks;
    for (const std::size_t size : {40, 500, 5000, 70000, 3000000})
      for (int i = 0; i < 10; ++i) blocks.push_back(take(size, 1));
    for (const Block& block : blocks) EXPECT_TRUE(give_back(block));
  };
  use();
  const std::int64_t before = system_allocations();
  for (int i = 0; i < 20; ++i) use();
  EXPECT_EQ(system_allocations(), before);
}

TEST(Blocks, OfAThreadThatEndedServeTheOthers) {
  constexpr std::size_t kSize = 333333;
  std::vector<Block> blocks;
  std::thread([&] {
    for (int i = 0; i < 4; ++i) blocks.push_back(take(kSize, 1));
    for (const Block& block : blocks) give_back(block);
  }).join();
  const std::int64_t before = system_allocations();
  blocks.clear();
  for (int i = 0; i < 4; ++i) blocks.push_back(take(kSize, 2));
  EXPECT_EQ(system_allocations(), before);
  for (const Block& block : blocks) give_back(block);
}

TEST(Blocks, OfSizesNoLongerUsedGoBackToTheSystem) {
  const auto million_bytes = std::size_t{1} << 20;
  for (std::size_t size = 8; size <= 320; size += size / 4)
    free_block(allocate_block(size * million_bytes), size * million_bytes);
  void* block = allocate_block(400 * million_bytes);
  EXPECT_LE(kept_bytes(), std::int64_t{64} << 20);
  free_block(block, 400 * million_bytes);
}

#endif

TEST(Blocks, OfMoreThanTheSystemHasAreNull) {
  EXPECT_EQ(allocate_block(std::size_t{1} << 46), nullptr);
}

TEST(Memory, AddsUpTheThreads) {
  const MemoryStats before = memory_stats();
  std::vector<Tensor> made(6);
  const auto make = [&](std::size_t t) {
    for (std::size_t i = 0; i < 100; ++i) Tensor::empty({1000});
    made[t] = Tensor::empty({static_cast<std::int64_t>(t) * 100000});
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < made.size(); ++t) threads.emplace_back(make, t);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes + 4 * 100000 * (1 + 2 + 3 + 4 + 5));
  EXPECT_EQ(memory_stats().live_tensors, before.live_tensors + 6);
  EXPECT_GE(memory_stats().peak_bytes, before.live_bytes + 4 * 100000 * (1 + 2 + 3 + 4 + 5));
  made.clear();  // on another thread than the one that made them
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_EQ(memory_stats().live_tensors, before.live_tensors);
}

TEST(Memory, ThePeakIsThatOfTheMiddle) {
  reset_peak();
  const std::int64_t before = memory_stats().live_bytes;
  {
    const Tensor small = Tensor::empty({100}), large = Tensor::empty({1000000});
    Tensor::empty({200000});
  }
  EXPECT_EQ(memory_stats().peak_bytes, before + 4 * (100 + 1000000 + 200000));
}

TEST(Memory, StoragesOfAllThreadsHaveIdsOfTheirOwn) {
  std::mutex mutex;
  std::set<std::uint64_t> ids;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      std::vector<std::uint64_t> mine;
      for (int i = 0; i < 3000; ++i) mine.push_back(Tensor::empty({1}).impl()->storage->id);
      const std::lock_guard lock(mutex);
      ids.insert(mine.begin(), mine.end());
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ids.size(), 12000U);
}

}  // namespace
}  // namespace tenon
