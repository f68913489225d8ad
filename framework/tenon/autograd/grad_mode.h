#pragma once

namespace tenon {

/// Whether operations of this thread are recorded.
bool is_recording() noexcept;

/// While it lives, this thread records nothing.
class [[nodiscard]] NoGradGuard {
 public:
  NoGradGuard() noexcept;
  ~NoGradGuard();
  NoGradGuard(const NoGradGuard&) = delete;
  NoGradGuard& operator=(const NoGradGuard&) = delete;

 private:
  bool previous_;
};

/// While it lives, the first operation of this thread whose result has a NaN or infinity throws a
/// GradientError that names it: forward and backward. Slow: each result is read once more.
class [[nodiscard]] AnomalyGuard {
 public:
  AnomalyGuard() noexcept;
  ~AnomalyGuard();
  AnomalyGuard(const AnomalyGuard&) = delete;
  AnomalyGuard& operator=(const AnomalyGuard&) = delete;

 private:
  bool previous_;
};

}  // namespace tenon
