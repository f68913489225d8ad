#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

#include "tenon/core/block_internal.h"
#ifndef TENON_SANITIZE
#include <tbb/scalable_allocator.h>
#endif

#include "tenon/core/parallel_internal.h"
#include "tenon/core/per_thread_internal.h"

namespace tenon {
namespace {

std::atomic<std::int64_t> g_system_allocations{0};

#ifdef TENON_SANITIZE

void* allocate_aligned(std::size_t size_bytes) noexcept {
  const std::size_t rounded =
      (size_bytes + kBlockAlignment - 1) / kBlockAlignment * kBlockAlignment;
  return std::aligned_alloc(kBlockAlignment, std::max(rounded, kBlockAlignment));
}

#else

// Size classes: each multiple of 64 bytes up to 512, then four a power of two.
constexpr std::size_t kClasses = 8 + 4 * 39;
std::size_t class_of(std::size_t size_bytes) {
  if (size_bytes <= 512) return size_bytes == 0 ? 0 : (size_bytes - 1) / 64;
  const auto log = static_cast<std::size_t>(std::bit_width(size_bytes - 1)) - 1;
  return 8 + (log - 9) * 4 + ((size_bytes - 1) >> (log - 2) & 3);
}
constexpr std::size_t size_of_class(std::size_t index) {
  if (index < 8) return (index + 1) * 64;
  return ((index - 8) % 4 + 5) << ((index - 8) / 4 + 7);
}

constexpr std::size_t kSlabBytes = 64 << 10;       // small blocks are cut from these
constexpr std::size_t kLargestSmall = 4 << 10;     // blocks up to this are never given back
constexpr std::size_t kLargestShared = 256 << 10;  // of the size of shards' tensors
constexpr std::size_t kLargestLocal = 1 << 20;     // a thread keeps none above this
constexpr std::size_t kLocalBytes = 1 << 20;       // of a class, kept by a thread
constexpr std::size_t kKeptBytes = std::size_t{64} << 20;

/// How many free blocks of a class a thread keeps for itself: all that a shard frees, since a block
/// that another core wrote to costs the next writer several times its work.
constexpr std::uint32_t local_limit(std::size_t index) {
  const std::size_t size = size_of_class(index);
  if (size > kLargestLocal) return 0;
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(kLocalBytes / size, 2, 64));
}
constexpr auto kLocalLimits = [] {
  std::array<std::uint32_t, kClasses> limits{};
  for (std::size_t i = 0; i < kClasses; ++i) limits[i] = local_limit(i);
  return limits;
}();

struct FreeBlock {
  FreeBlock* next;
};
struct List {
  FreeBlock* head = nullptr;
  std::uint32_t count = 0;

  void push(void* block) {
    head = new (block) FreeBlock{head};
    ++count;
  }
  void* pop() {
    FreeBlock* block = head;
    head = block->next;
    --count;
    return block;
  }
};

/// The free blocks that all threads share.
struct alignas(kBlockAlignment) Shared {
  std::mutex mutex;
  List list;
};
constinit std::array<Shared, kClasses> g_shared;
// Of blocks above kLargestSmall: bytes from the system, and those of them that are in g_shared.
std::atomic<std::int64_t> g_system_bytes{0};
std::atomic<std::int64_t> g_shared_bytes{0};

void count_shared(std::size_t index, std::int64_t blocks) {
  const std::size_t size = size_of_class(index);
  if (size > kLargestSmall)
    g_shared_bytes.fetch_add(blocks * static_cast<std::int64_t>(size), std::memory_order_relaxed);
}

/// The free blocks of a thread.
struct ThreadBlocks {
  std::array<List, kClasses> lists;

  /// Gives blocks of a class to the others until `kept` are left.
  void give(std::size_t index, std::uint32_t kept) {
    List& list = lists[index];
    if (list.count <= kept) return;
    count_shared(index, list.count - kept);
    Shared& shared = g_shared[index];
    const std::lock_guard lock(shared.mutex);
    while (list.count > kept) shared.list.push(list.pop());
  }
  void retire() {
    for (std::size_t index = 0; index < kClasses; ++index) give(index, 0);
  }
};

void* from_system(std::size_t size_bytes) {
  g_system_allocations.fetch_add(1, std::memory_order_relaxed);
  return scalable_aligned_malloc(size_bytes, kBlockAlignment);
}

/// Gives the free shared blocks back to the system, but for small ones, which are parts of slabs.
void release_shared() {
  for (std::size_t index = class_of(kLargestSmall + 1); index < kClasses; ++index) {
    Shared& shared = g_shared[index];
    const std::lock_guard lock(shared.mutex);
    const auto size = static_cast<std::int64_t>(size_of_class(index));
    while (shared.list.head) {
      scalable_aligned_free(shared.list.pop());
      g_shared_bytes.fetch_sub(size, std::memory_order_relaxed);
      g_system_bytes.fetch_sub(size, std::memory_order_relaxed);
    }
  }
}

void* allocate_large(std::size_t index) {
  const std::size_t size = size_of_class(index);
  // Of sizes that are no longer asked for, no more is kept than what is in use.
  const std::int64_t kept = kept_bytes();
  const std::int64_t used = g_system_bytes.load(std::memory_order_relaxed) - kept;
  if (kept > static_cast<std::int64_t>(kKeptBytes) + used) release_shared();
  void* block = from_system(size);
  if (!block) {
    release_shared();
    block = from_system(size);
  }
  if (block) g_system_bytes.fetch_add(static_cast<std::int64_t>(size), std::memory_order_relaxed);
  return block;
}

/// New blocks of a class for everybody; returns one of them.
void* grow(std::size_t index) {
  const std::size_t size = size_of_class(index);
  // Shards are alike: when one is the first to need a block, the other threads will soon.
  const int times = size <= kLargestShared && in_parallel_body() ? num_threads() : 1;
  List fresh;
  for (int i = 0; i < times; ++i) {
    if (size > kLargestSmall) {
      if (void* block = allocate_large(index)) fresh.push(block);
    } else if (auto* slab = static_cast<char*>(from_system(kSlabBytes))) {
      for (std::size_t at = kSlabBytes / size; at-- > 0;) fresh.push(slab + at * size);
    }
  }
  if (!fresh.head) return nullptr;
  void* one = fresh.pop();
  count_shared(index, fresh.count);
  Shared& shared = g_shared[index];
  const std::lock_guard lock(shared.mutex);
  while (fresh.head) shared.list.push(fresh.pop());
  return one;
}

void* refill(std::size_t index) {
  Shared& shared = g_shared[index];
  ThreadBlocks* mine = PerThread<ThreadBlocks>::get();
  void* one = nullptr;
  std::int64_t taken = 0;
  {
    const std::lock_guard lock(shared.mutex);
    if (shared.list.head) {
      one = shared.list.pop();
      ++taken;
      // A few more of the small ones, to lock less often.
      const std::uint32_t more =
          mine && size_of_class(index) <= kLargestSmall ? kLocalLimits[index] / 2 : 0;
      for (; shared.list.head && taken <= more; ++taken) mine->lists[index].push(shared.list.pop());
    }
  }
  if (!one) return grow(index);
  count_shared(index, -taken);
  return one;
}

#endif

}  // namespace

#ifdef TENON_SANITIZE

void* allocate_block(std::size_t size_bytes) noexcept {
  g_system_allocations.fetch_add(1, std::memory_order_relaxed);
  return allocate_aligned(size_bytes);
}
void free_block(void* block, std::size_t) noexcept { std::free(block); }
std::int64_t kept_bytes() noexcept { return 0; }

#else

void* allocate_block(std::size_t size_bytes) noexcept {
  const std::size_t index = class_of(size_bytes);
  if (ThreadBlocks* mine = PerThread<ThreadBlocks>::get())
    if (List& list = mine->lists[index]; list.head) return list.pop();
  return refill(index);
}

void free_block(void* block, std::size_t size_bytes) noexcept {
  const std::size_t index = class_of(size_bytes);
  if (ThreadBlocks* mine = PerThread<ThreadBlocks>::get()) {
    List& list = mine->lists[index];
    list.push(block);
    if (list.count > kLocalLimits[index]) mine->give(index, kLocalLimits[index] / 2);
    return;
  }
  count_shared(index, 1);
  const std::lock_guard lock(g_shared[index].mutex);
  g_shared[index].list.push(block);
}

std::int64_t kept_bytes() noexcept { return g_shared_bytes.load(std::memory_order_relaxed); }

#endif

std::int64_t system_allocations() noexcept {
  return g_system_allocations.load(std::memory_order_relaxed);
}

void* InBlock::operator new(std::size_t size_bytes) {
  void* block = allocate_block(size_bytes);
  if (!block) throw std::bad_alloc();
  return block;
}
void InBlock::operator delete(void* block, std::size_t size_bytes) noexcept {
  free_block(block, size_bytes);
}

}  // namespace tenon
