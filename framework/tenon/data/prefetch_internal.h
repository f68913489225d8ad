#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "tenon/data/epoch_internal.h"

namespace tenon::data {

/// Reads the batches of an epoch ahead, on threads of its own, and hands them out in order. Each
/// thread reads whole batches, nothing nested in parallel. At most plan->ahead batches are ready
/// or being read beyond the one that was handed out last.
class Prefetcher {
 public:
  /// Throws DataError when the system has no thread.
  explicit Prefetcher(Handle<const EpochPlan> plan);
  /// Joins the threads: waits for the batches that are being read, starts no others.
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The next batch; throws what reading it threw. `used` is the one before: the threads free it,
  /// so that its memory stays with them.
  Batch next(Batch used);

 private:
  struct Slot {
    bool is_ready = false;
    Batch batch;
    std::exception_ptr error;
  };

  void work();
  Slot& slot_of(std::int64_t number) {
    return slots_[static_cast<std::size_t>(number % plan_->ahead)];
  }

  const Handle<const EpochPlan> plan_;
  std::mutex mutex_;  // of all below but threads_
  std::condition_variable ready_, room_;
  std::vector<Slot> slots_;
  std::vector<Batch> used_;
  std::int64_t next_read_, next_out_;
  bool is_stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tenon::data
