#pragma once

#include "tenon/core/kernel_report.h"

namespace tenon {

/// Counts (and, if asked for, times) one kernel call, at the one place where an operation chooses
/// its kernel:
///   const KernelScope scope("conv2d", "onednn", plan.implementation());
/// The three texts must live for ever (literals, interned names). Thread-safe, without locks after
/// a thread's first call.
class KernelScope {
 public:
  KernelScope(const char* operation, const char* kernel, const char* implementation = "") noexcept;
  ~KernelScope();
  KernelScope(const KernelScope&) = delete;
  KernelScope& operator=(const KernelScope&) = delete;
  /// An operand had to be copied to another layout first.
  void count_reorder() noexcept;

 private:
  void* counter_;
  double start_ = 0;
};

}  // namespace tenon
