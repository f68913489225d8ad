#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace tenon {

/// A reference to something callable, for parameters that are called before the callee returns
/// (std::function_ref of C++26; <functional> costs 0.14 s to include).
template <class Signature>
class FunctionRef;

template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class F, std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
                                          std::is_invocable_r_v<Result, F&, Args...>,
                                      int> = 0>
  FunctionRef(F&& function)
      : object_(const_cast<void*>(static_cast<const void*>(&function))),
        call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

/// A move-only owner of something callable. Captures of up to `kInline` bytes need no heap
/// allocation.
template <class Signature, std::size_t kInline = 96>
class Function;

template <class Result, class... Args, std::size_t kInline>
class Function<Result(Args...), kInline> {
 public:
  Function() = default;
  template <class F, std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, Function> &&
                                          std::is_invocable_r_v<Result, std::decay_t<F>&, Args...>,
                                      int> = 0>
  Function(F&& function) {
    using T = std::decay_t<F>;
    if constexpr (fits<T>) {
      new (buffer_) T(std::forward<F>(function));
    } else {
      new (buffer_) T*(new T(std::forward<F>(function)));
    }
    operations_ = &kOperations<T>;
  }
  Function(Function&& other) noexcept { take(other); }
  Function& operator=(Function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;
  ~Function() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }
  void reset() {
    if (const Operations* operations = std::exchange(operations_, nullptr))
      operations->destroy(buffer_);
  }
  Result operator()(Args... args) {
    return operations_->call(buffer_, std::forward<Args>(args)...);
  }

 private:
  struct Operations {
    Result (*call)(void*, Args...);
    void (*move)(void* from, void* to);
    void (*destroy)(void*);
  };
  template <class T>
  static constexpr bool fits =
      sizeof(T) <= kInline &&
      alignof(T) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<T>;
  template <class T>
  static T& target(void* buffer) {
    if constexpr (fits<T>) {
      return *std::launder(static_cast<T*>(buffer));
    } else {
      return **std::launder(static_cast<T**>(buffer));
    }
  }
  template <class T>
  static constexpr Operations kOperations = {
      [](void* buffer, Args... args) -> Result {
        return target<T>(buffer)(std::forward<Args>(args)...);
      },
      [](void* from, void* to) {
        if constexpr (fits<T>) {
          new (to) T(std::move(target<T>(from)));
          target<T>(from).~T();
        } else {
          new (to) T*(&target<T>(from));
        }
      },
      [](void* buffer) {
        if constexpr (fits<T>) {
          target<T>(buffer).~T();
        } else {
          delete &target<T>(buffer);
        }
      }};

  void take(Function& other) noexcept {
    if (other.operations_) other.operations_->move(other.buffer_, buffer_);
    operations_ = std::exchange(other.operations_, nullptr);
  }

  alignas(
      std::max_align_t) unsigned char buffer_[kInline < sizeof(void*) ? sizeof(void*) : kInline];
  const Operations* operations_ = nullptr;
};

}  // namespace tenon
