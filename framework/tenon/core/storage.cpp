#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#ifndef TENON_SANITIZE
#include <tbb/scalable_allocator.h>
#endif

#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line and the widest vector

std::atomic<std::int64_t> g_live_bytes{0};
std::atomic<std::int64_t> g_peak_bytes{0};
std::atomic<std::int64_t> g_live_tensors{0};
std::atomic<std::int64_t> g_live_nodes{0};
std::atomic<std::uint64_t> g_next_storage_id{1};

// The sanitizer presets use the plain allocator, so that they see a use after free.
void* allocate_aligned(std::size_t bytes) {
#ifdef TENON_SANITIZE
  return std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
#else
  return scalable_aligned_malloc(bytes, kAlignment);
#endif
}
void free_aligned(void* memory) noexcept {
#ifdef TENON_SANITIZE
  std::free(memory);
#else
  scalable_aligned_free(memory);
#endif
}

void count_bytes(std::int64_t change) noexcept {
  const std::int64_t live = g_live_bytes.fetch_add(change, std::memory_order_relaxed) + change;
  std::int64_t peak = g_peak_bytes.load(std::memory_order_relaxed);
  while (live > peak &&
         !g_peak_bytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

}  // namespace

Storage::Storage(std::size_t size_bytes)
    : data(allocate_aligned(size_bytes == 0 ? kAlignment : size_bytes)),
      bytes(size_bytes),
      id(g_next_storage_id.fetch_add(1, std::memory_order_relaxed)) {
  if (!data)
    throw Error("out of memory: a tensor of " + std::to_string(size_bytes) +
                " bytes could not be allocated.");
#ifdef TENON_POISON
  std::memset(data, 0xff, bytes);  // NaN in f32 and f64
#endif
  count_bytes(static_cast<std::int64_t>(bytes));
}

Storage::~Storage() {
  free_aligned(data);
  count_bytes(-static_cast<std::int64_t>(bytes));
}

TensorImpl::TensorImpl(Handle<Storage> storage_in, const Shape& shape_in, const Strides& strides_in,
                       std::int64_t offset_in, Dtype dtype_in)
    : storage(std::move(storage_in)),
      shape(shape_in),
      strides(strides_in),
      offset(offset_in),
      dtype(dtype_in) {
  g_live_tensors.fetch_add(1, std::memory_order_relaxed);
}
TensorImpl::~TensorImpl() { g_live_tensors.fetch_sub(1, std::memory_order_relaxed); }

void* TensorImpl::operator new(std::size_t size) { return allocate_small(size); }
void TensorImpl::operator delete(void* memory) noexcept { free_small(memory); }

void* allocate_small(std::size_t size_bytes) {
#ifdef TENON_SANITIZE
  void* memory = std::malloc(size_bytes);
#else
  void* memory = scalable_malloc(size_bytes);
#endif
  if (!memory) throw std::bad_alloc();
  return memory;
}
void free_small(void* memory) noexcept {
#ifdef TENON_SANITIZE
  std::free(memory);
#else
  scalable_free(memory);
#endif
}

void count_graph_nodes(std::int64_t change) noexcept {
  g_live_nodes.fetch_add(change, std::memory_order_relaxed);
}

MemoryStats memory_stats() { return {g_live_bytes, g_peak_bytes, g_live_tensors, g_live_nodes}; }

void reset_peak() { g_peak_bytes = g_live_bytes.load(); }

}  // namespace tenon
