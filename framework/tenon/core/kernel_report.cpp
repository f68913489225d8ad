#include "tenon/core/kernel_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <new>
#include <tuple>
#include <vector>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/per_thread_internal.h"

namespace tenon {
namespace {

/// Written by one thread, read (and reset) by whoever asks for the report.
struct Counter {
  const char* operation;
  const char* kernel;
  const char* implementation;
  Counter* next_in_bucket;
  Counter* next;  // in the thread's list, which only grows at its head
  std::atomic<std::int64_t> calls{0};
  std::atomic<std::int64_t> nanoseconds{0};
  std::atomic<std::int64_t> reorders{0};

  static void add(std::atomic<std::int64_t>& count, std::int64_t change) noexcept {
    count.store(count.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
  }
};

struct ThreadCounters {
  static constexpr std::size_t kBuckets = 64;
  std::array<Counter*, kBuckets> buckets{};
  std::atomic<Counter*> head{nullptr};

  Counter* find(const char* operation, const char* kernel, const char* implementation) noexcept {
    const auto mixed = reinterpret_cast<std::uintptr_t>(operation) * 31 +
                       reinterpret_cast<std::uintptr_t>(kernel) * 7 +
                       reinterpret_cast<std::uintptr_t>(implementation);
    Counter*& bucket = buckets[(mixed ^ mixed >> 6) % kBuckets];
    for (Counter* c = bucket; c; c = c->next_in_bucket)
      if (c->operation == operation && c->kernel == kernel && c->implementation == implementation)
        return c;
    Counter* first = head.load(std::memory_order_relaxed);
    auto* counter = new (std::nothrow) Counter{operation, kernel, implementation, bucket, first};
    if (counter) {
      bucket = counter;
      head.store(counter, std::memory_order_release);
    }
    return counter;
  }
};

std::atomic<bool> timing{false};

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F>
void for_each_counter(F&& f) {
  PerThread<ThreadCounters>::for_each([&](const ThreadCounters& thread) {
    for (Counter* c = thread.head.load(std::memory_order_acquire); c; c = c->next) f(*c);
  });
}

}  // namespace

KernelScope::KernelScope(const char* operation, const char* kernel,
                         const char* implementation) noexcept
    : counter_(nullptr) {
  if (ThreadCounters* mine = PerThread<ThreadCounters>::get())
    counter_ = mine->find(operation, kernel, implementation);
  if (auto* counter = static_cast<Counter*>(counter_)) Counter::add(counter->calls, 1);
  if (timing.load(std::memory_order_relaxed)) start_ = now_seconds();
}

KernelScope::~KernelScope() {
  auto* counter = static_cast<Counter*>(counter_);
  if (start_ == 0 || !counter) return;
  Counter::add(counter->nanoseconds, static_cast<std::int64_t>((now_seconds() - start_) * 1e9));
}

void KernelScope::count_reorder() noexcept {
  if (auto* counter = static_cast<Counter*>(counter_)) Counter::add(counter->reorders, 1);
}

std::vector<KernelUse> kernel_report() {
  std::map<std::tuple<std::string, std::string, std::string>, KernelUse> uses;
  for_each_counter([&](const Counter& c) {
    const std::int64_t calls = c.calls.load(std::memory_order_relaxed);
    if (calls == 0) return;
    KernelUse& use = uses[{c.operation, c.kernel, c.implementation}];
    use.calls += calls;
    use.seconds += static_cast<double>(c.nanoseconds.load(std::memory_order_relaxed)) * 1e-9;
    use.reorders += c.reorders.load(std::memory_order_relaxed);
  });
  std::vector<KernelUse> report;
  for (auto& [names, use] : uses) {
    std::tie(use.operation, use.kernel, use.implementation) = names;
    report.push_back(std::move(use));
  }
  return report;
}

void reset_kernel_report() {
  for_each_counter([](Counter& c) {
    c.calls.store(0, std::memory_order_relaxed);
    c.nanoseconds.store(0, std::memory_order_relaxed);
    c.reorders.store(0, std::memory_order_relaxed);
  });
}

void set_kernel_timing(bool on) { timing.store(on, std::memory_order_relaxed); }

std::string to_string(const std::vector<KernelUse>& report) {
  std::size_t operation_width = 9, kernel_width = 6, implementation_width = 14;
  for (const KernelUse& use : report) {
    operation_width = std::max(operation_width, use.operation.size());
    kernel_width = std::max(kernel_width, use.kernel.size());
    implementation_width = std::max(implementation_width, use.implementation.size());
  }
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>9}  {:>10}  {:>8}\n", "operation",
                                 operation_width, "kernel", kernel_width, "implementation",
                                 implementation_width, "calls", "ms", "reorders");
  for (const KernelUse& use : report)
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>9}  {:>10.3f}  {:>8}\n", use.operation,
                        operation_width, use.kernel, kernel_width, use.implementation,
                        implementation_width, use.calls, use.seconds * 1e3, use.reorders);
  return text;
}

}  // namespace tenon
