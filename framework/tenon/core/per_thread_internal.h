#pragma once

#include <mutex>
#include <vector>

namespace tenon {

/// One T a thread, made at its first use. When the thread ends, a later one takes it over, so that
/// nothing in it is lost. Its retire(), if it has one, is called in between.
template <class T>
class PerThread {
 public:
  /// This thread's; null while the thread ends.
  static T* get() noexcept {
    if (t_mine) [[likely]]
      return t_mine;
    return t_ended ? nullptr : lease();
  }

  /// Calls f with that of each thread, ended ones included.
  template <class F>
  static void for_each(F&& f) {
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    for (T* one : r.all) f(*one);
  }

 private:
  struct Registry {
    std::mutex mutex;
    std::vector<T*> all;
    std::vector<T*> unused;
  };
  /// Never destroyed: threads may end after main.
  static Registry& registry() {
    static Registry& instance = *new Registry;
    return instance;
  }

  struct Lease {
    Lease() {
      Registry& r = registry();
      const std::lock_guard lock(r.mutex);
      if (r.unused.empty()) {
        r.all.push_back(new T);
        r.unused.reserve(r.all.size());
        t_mine = r.all.back();
      } else {
        t_mine = r.unused.back();
        r.unused.pop_back();
      }
    }
    ~Lease() {
      T* mine = t_mine;
      t_mine = nullptr;
      t_ended = true;
      if constexpr (requires { mine->retire(); }) mine->retire();
      Registry& r = registry();
      const std::lock_guard lock(r.mutex);
      r.unused.push_back(mine);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
  };
  static T* lease() noexcept {
    thread_local const Lease lease;
    static_cast<void>(lease);
    return t_mine;
  }

  // Without constructors, so that they can be read while the thread's other variables go.
  [[gnu::tls_model("initial-exec")]] static inline constinit thread_local T* t_mine = nullptr;
  [[gnu::tls_model("initial-exec")]] static inline constinit thread_local bool t_ended = false;
};

}  // namespace tenon
