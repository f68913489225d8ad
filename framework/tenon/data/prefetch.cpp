#include <fmt/format.h>

#include <exception>
#include <utility>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/data/prefetch_internal.h"

namespace tenon::data {

Prefetcher::Prefetcher(Handle<const EpochPlan> plan)
    : plan_(std::move(plan)),
      slots_(static_cast<std::size_t>(plan_->ahead)),
      next_read_(plan_->first_batch),
      next_out_(plan_->first_batch) {
  threads_.reserve(static_cast<std::size_t>(plan_->threads));
  try {
    for (std::int64_t i = 0; i < plan_->threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::exception& error) {  // no thread, or no memory for one
    // Fewer threads give the same batches.
    if (threads_.empty())
      Fault("Loader", plan_->where)
          .fix("Read in the caller's thread: .prefetch = 0, .workers = 0.")
          .raise<DataError>(fmt::format("no thread can be started ({})", error.what()));
  }
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Batch Prefetcher::next(Batch used) {
  Batch batch;
  std::exception_ptr error;
  {
    std::unique_lock lock(mutex_);
    if (next_read_ < plan_->end_batch && used.inputs.defined()) used_.push_back(std::move(used));
    Slot& slot = slot_of(next_out_);
    ready_.wait(lock, [&] { return slot.is_ready; });
    batch = std::exchange(slot.batch, {});
    error = std::exchange(slot.error, nullptr);
    slot.is_ready = false;
    ++next_out_;
  }
  room_.notify_one();
  if (error) std::rethrow_exception(error);
  return batch;
}

void Prefetcher::work() {
  const NoGradGuard no_grad;
  std::unique_lock lock(mutex_);
  while (true) {
    room_.wait(lock, [&] {
      return is_stopped_ || next_read_ == plan_->end_batch || next_read_ < next_out_ + plan_->ahead;
    });
    if (is_stopped_ || next_read_ == plan_->end_batch) return;
    const std::int64_t number = next_read_++;
    std::vector<Batch> used = std::exchange(used_, {});
    lock.unlock();

    used.clear();
    Batch batch;
    std::exception_ptr error;
    try {
      // As one shard: on this thread alone, whatever the source does in parallel.
      run_shards(1, [&](std::int64_t) { batch = plan_->read(number); });
    } catch (...) {
      error = std::current_exception();
    }

    lock.lock();
    Slot& slot = slot_of(number);
    slot.batch = std::move(batch);
    slot.error = std::move(error);
    slot.is_ready = true;
    // The caller waits for one certain batch, which may be another.
    ready_.notify_one();
    if (next_read_ == plan_->end_batch) room_.notify_all();
  }
}

}  // namespace tenon::data
