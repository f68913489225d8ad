#pragma once

#include <cstddef>
#include <cstdint>

namespace tenon {

inline constexpr std::size_t kBlockAlignment = 64;  // a cache line and the widest vector

/// A block of memory at a multiple of 64 bytes: the last one of its size class that this thread
/// gave back, else one that others gave back, else a new one. Null when the system has none. In the
/// sanitizer presets always a new one, so that they see a use after free.
void* allocate_block(std::size_t size_bytes) noexcept;
/// Gives a block back, from any thread. `size_bytes` is what it was allocated with.
void free_block(void* block, std::size_t size_bytes) noexcept;

/// How often blocks were taken from the system, since start.
std::int64_t system_allocations() noexcept;
/// Bytes of the free large blocks that no thread keeps for itself. When a block comes from
/// the system they are at most as many as those in use, plus 64 MiB.
std::int64_t kept_bytes() noexcept;

/// A base for small objects that live in blocks.
struct InBlock {
  static void* operator new(std::size_t size_bytes);
  static void operator delete(void* block, std::size_t size_bytes) noexcept;
};

}  // namespace tenon
