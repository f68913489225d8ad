#include <cstring>
#include <new>

#include "tenon/core/error.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

// The storage's own fields lie in front of its elements, in one block.
constexpr std::size_t kHeaderBytes = kBlockAlignment;

std::atomic<std::uint64_t> g_next_id{1};

/// From a thread's own range, so that threads do not wait for each other.
std::uint64_t next_id() {
  constexpr std::uint64_t kRange = 1024;
  static constinit thread_local std::uint64_t next = 0, end = 0;
  if (next == end) {
    next = g_next_id.fetch_add(kRange, std::memory_order_relaxed);
    end = next + kRange;
  }
  return next++;
}

[[noreturn]] void out_of_memory(std::size_t size_bytes) {
  throw Error("out of memory: a tensor of " + std::to_string(size_bytes) +
              " bytes could not be allocated.");
}

}  // namespace

Storage::Storage(void* data_in, std::size_t size_bytes) noexcept
    : data(data_in), bytes(size_bytes), id(next_id()) {
  count_bytes(static_cast<std::int64_t>(bytes));
}
Storage::~Storage() { count_bytes(-static_cast<std::int64_t>(bytes)); }

Handle<Storage> Storage::make(std::size_t size_bytes) {
  void* block = allocate_block(kHeaderBytes + size_bytes);
  if (!block) out_of_memory(size_bytes);
#ifdef TENON_SANITIZE
  // A block of their own, so that a write in front of the elements is seen too.
  void* data = allocate_block(size_bytes);
  if (!data) {
    free_block(block, kHeaderBytes + size_bytes);
    out_of_memory(size_bytes);
  }
#else
  void* data = static_cast<char*>(block) + kHeaderBytes;
#endif
#ifdef TENON_POISON
  std::memset(data, 0xff, size_bytes);  // NaN in f32 and f64
#endif
  static_assert(sizeof(Storage) <= kHeaderBytes);
  return Handle<Storage>::of_fresh(new (block) Storage(data, size_bytes));
}

void Storage::dispose() noexcept {
  const std::size_t block_bytes = kHeaderBytes + bytes;
#ifdef TENON_SANITIZE
  free_block(data, bytes);
#endif
  this->~Storage();
  free_block(this, block_bytes);
}

TensorImpl::TensorImpl(Handle<Storage> storage_in, const Shape& shape_in, const Strides& strides_in,
                       std::int64_t offset_in, Dtype dtype_in) noexcept
    : storage(std::move(storage_in)),
      shape(shape_in),
      strides(strides_in),
      offset(offset_in),
      dtype(dtype_in) {
  count_tensors(1);
}
TensorImpl::~TensorImpl() { count_tensors(-1); }

}  // namespace tenon
