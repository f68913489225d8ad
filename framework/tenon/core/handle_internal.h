#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace tenon {

/// The base of shared objects: counts its handles. `dispose` is called once, by the last handle.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void retain() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  /// The first handle of an object that no other thread knows yet.
  void retain_fresh() const noexcept { references_.store(1, std::memory_order_relaxed); }
  void release() const noexcept {
    // Nobody can copy the only handle meanwhile, so it goes without a locked instruction.
    if (unique() || references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      const_cast<RefCounted*>(this)->dispose();
  }
  bool unique() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

 protected:
  virtual ~RefCounted() = default;
  virtual void dispose() noexcept { delete this; }

 private:
  mutable std::atomic<std::int32_t> references_{0};
};

/// An intrusive pointer that shares ownership.
template <class T>
class Handle {
 public:
  Handle() noexcept = default;
  Handle(T* object) noexcept : object_(object) {
    if (object_) object_->retain();
  }
  Handle(const Handle& other) noexcept : Handle(other.object_) {}
  Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Handle& operator=(Handle other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Handle() {
    if (object_) object_->release();
  }
  /// The first handle of a new object.
  static Handle of_fresh(T* object) noexcept {
    object->retain_fresh();
    return adopt(object);
  }
  /// Takes over one reference.
  static Handle adopt(T* object) noexcept {
    Handle handle;
    handle.object_ = object;
    return handle;
  }
  /// Gives one reference away.
  T* detach() noexcept { return std::exchange(object_, nullptr); }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace tenon
