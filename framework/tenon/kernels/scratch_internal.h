#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace tenon::kernels {

/// Memory of one thread for one purpose, aligned to cache lines: a thread_local of this type grows
/// to the largest request and is kept, so that a step in its steady state allocates nothing. What
/// it holds is lost when it grows.
template <class T>
class Scratch {
 public:
  T* at_least(std::int64_t count) {
    if (count > count_) grow(count);
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* memory) const { ::operator delete(memory, kAlignment); }
  };
  void grow(std::int64_t count) {
    constexpr std::int64_t kUnit = 1024;
    const std::int64_t rounded = (count + kUnit - 1) / kUnit * kUnit;
    memory_.reset();
    count_ = 0;
    memory_.reset(
        static_cast<T*>(::operator new(static_cast<std::size_t>(rounded) * sizeof(T), kAlignment)));
    count_ = rounded;
  }

  std::unique_ptr<T, Free> memory_;
  std::int64_t count_ = 0;
};

}  // namespace tenon::kernels
