#pragma once

#include "tenon/nn/module.h"

namespace tenon::nn {

/// Sees each call of a module's built-in operator() on a thread: module, x, y. A defined tensor
/// that it returns replaces y.
using CallObserver = FunctionRef<Tensor(Module&, const Tensor&, const Tensor&)>;

/// This thread's; null when nobody looks.
const CallObserver* call_observer() noexcept;

/// While it lives, `observer` sees the calls of this thread.
class CallObserverScope {
 public:
  explicit CallObserverScope(const CallObserver& observer) noexcept;
  ~CallObserverScope();
  CallObserverScope(const CallObserverScope&) = delete;
  CallObserverScope& operator=(const CallObserverScope&) = delete;

 private:
  const CallObserver* previous_;
};

}  // namespace tenon::nn
