#include "tenon/core/parallel.h"

#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tenon/core/fault_internal.h"
#include "tenon/core/memory_internal.h"
#include "tenon/core/parallel_internal.h"

namespace tenon {
namespace {

thread_local bool t_in_parallel_body = false;

class BodyScope {
 public:
  BodyScope() : previous_(t_in_parallel_body) { t_in_parallel_body = true; }
  ~BodyScope() { t_in_parallel_body = previous_; }
  BodyScope(const BodyScope&) = delete;
  BodyScope& operator=(const BodyScope&) = delete;

 private:
  bool previous_;
};

#ifdef __SSE__
/// Gives a worker the caller's floating-point control word, so that a block's bits do not depend on
/// who runs it.
class FloatingPointMode {
 public:
  FloatingPointMode() : mode_(_mm_getcsr() & kControl) {}
  void apply() const {
    const unsigned now = _mm_getcsr();
    if ((now & kControl) != mode_) _mm_setcsr((now & ~kControl) | mode_);
  }

 private:
  static constexpr unsigned kControl = 0xffc0;  // all but the six sticky exception flags
  unsigned mode_;
};
#else
struct FloatingPointMode {
  void apply() const {}
};
#endif

/// One arena a thread count, kept for ever: another thread may still run in the one that was
/// current.
struct Arenas {
  std::mutex mutex;
  std::map<int, std::unique_ptr<tbb::task_arena>> by_threads;
  std::unique_ptr<tbb::global_control> control;
  std::atomic<tbb::task_arena*> current{nullptr};
  std::atomic<int> threads{0};

  Arenas() { set(tbb::info::default_concurrency()); }
  void set(int count) {
    const std::lock_guard lock(mutex);
    // Without the control an arena of more slots than cores is never filled; without the arena the
    // control is global.
    control.reset();
    control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                    static_cast<std::size_t>(count));
    std::unique_ptr<tbb::task_arena>& arena = by_threads[count];
    if (!arena) arena = std::make_unique<tbb::task_arena>(count);
    current = arena.get();
    threads = count;
  }
};
Arenas& arenas() {
  static Arenas* const instance = new Arenas;  // outlives every thread
  return *instance;
}

/// A thread's arena for itself alone.
struct OneSlotArena {
  OneSlotArena() {
    const std::lock_guard lock(making_mutex());
    arena.initialize();
  }
  ~OneSlotArena() {
    const std::lock_guard lock(making_mutex());
    arena.terminate();
  }
  OneSlotArena(const OneSlotArena&) = delete;
  OneSlotArena& operator=(const OneSlotArena&) = delete;
  tbb::task_arena arena{1, 1};
};

/// Runs body(i) for i in [0, count), each in some thread.
template <class Body>
void fork(std::int64_t count, const Body& body) {
  const FloatingPointMode mode;
#ifdef TENON_TSAN
  // ThreadSanitizer sees the forks and joins of std::thread; Debian's TBB is not instrumented.
  const std::int64_t threads = std::min<std::int64_t>(count, num_threads());
  std::atomic<std::int64_t> next{0};
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(threads));
  const auto work = [&](std::size_t thread) {
    mode.apply();
    const BodyScope scope;
    try {
      for (std::int64_t i = next++; i < count; i = next++) body(i);
    } catch (...) {
      errors[thread] = std::current_exception();
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t t = 1; t < static_cast<std::size_t>(threads); ++t) workers.emplace_back(work, t);
  work(0);
  for (std::thread& worker : workers) worker.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
#else
  arenas().current.load()->execute([&] {
    tbb::parallel_for(
        std::int64_t{0}, count,
        [&](std::int64_t i) {
          mode.apply();
          const BodyScope scope;
          body(i);
        },
        tbb::simple_partitioner{});
  });
#endif
}

}  // namespace

void set_num_threads(int threads, Where where) {
  if (threads < 1)
    Fault("set_num_threads", where)
        .raise<ShapeError>(fmt::format("{} threads cannot run anything", threads));
  if (threads > 1024)
    Fault("set_num_threads", where)
        .raise<ShapeError>(fmt::format("{} threads are too many, at most 1024", threads));
  arenas().set(threads);
}

int num_threads() { return arenas().threads; }

bool in_parallel_body() noexcept { return t_in_parallel_body; }

void parallel_for(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t, std::int64_t)> body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t blocks = (count + grain - 1) / grain;
  const auto run_block = [&](std::int64_t block) {
    body(block * grain, std::min(count, (block + 1) * grain));
  };
  if (blocks == 1 || in_parallel_body() || num_threads() == 1) {
    for (std::int64_t block = 0; block < blocks; ++block) run_block(block);
  } else {
    fork(blocks, run_block);
  }
}

std::recursive_mutex& making_mutex() {
  static auto* const mutex = new std::recursive_mutex;  // outlives every thread
  return *mutex;
}

void run_serially(FunctionRef<void()> body) {
  thread_local OneSlotArena one_slot;
  one_slot.arena.execute([&] { tbb::this_task_arena::isolate([&] { body(); }); });
}

void run_in_arena(FunctionRef<void()> body) {
#ifdef TENON_TSAN
  run_serially(body);
#else
  if (in_parallel_body() || num_threads() == 1) {
    run_serially(body);
  } else {
    arenas().current.load()->execute([&] { body(); });
  }
#endif
}

void run_shards(std::int64_t count, FunctionRef<void(std::int64_t)> body) {
  std::vector<std::exception_ptr> errors(
      static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  const auto guarded = [&](std::int64_t i) {
    try {
      body(i);
    } catch (...) {
      errors[static_cast<std::size_t>(i)] = std::current_exception();
    }
    share_byte_count();
  };
  if (in_parallel_body() || num_threads() == 1 || count == 1) {
    const BodyScope scope;
    for (std::int64_t i = 0; i < count; ++i) guarded(i);
  } else {
    fork(count, guarded);
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace tenon
