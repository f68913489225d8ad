#include <utility>

#include "tenon/autograd/pass_memory_internal.h"

namespace tenon {
namespace {

// Longer lists are rare and go after their pass.
constexpr std::size_t kMaxKept = 1 << 16;

thread_local std::unique_ptr<PassMemory> t_kept;

}  // namespace

void PassMemory::clear() {
  queue.clear();
  nodes.clear();
  first_buffer.clear();
  first_edge.clear();
  targets.clear();
  buffers.clear();
  needed.clear();
  first_wanted.clear();
  next_wanted.clear();
  leaves.clear();
}

BorrowedPassMemory::BorrowedPassMemory() : memory_(std::move(t_kept)) {
  if (!memory_) memory_ = std::make_unique<PassMemory>();
}

BorrowedPassMemory::~BorrowedPassMemory() {
  memory_->clear();
  if (memory_->nodes.capacity() <= kMaxKept) t_kept = std::move(memory_);
}

}  // namespace tenon
