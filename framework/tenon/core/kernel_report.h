#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/core/where.h"

namespace tenon {

/// What one kernel did since start or reset_kernel_report().
struct KernelUse {
  std::string operation;  ///< "conv2d"
  std::string kernel;     ///< "reference", "simd", "onednn"
  std::string
      implementation;  ///< oneDNN's own name, "brgconv:avx512_core" say; empty for the others
  std::int64_t calls = 0;
  double seconds = 0;         ///< 0 unless set_kernel_timing(true)
  std::int64_t reorders = 0;  ///< operands that were copied to another layout first
};

/// Per operation: which kernels ran, how often, how long, and how many operands they had to
/// convert.
std::vector<KernelUse> kernel_report();
void reset_kernel_report();
/// Whether calls are timed too (about 50 ns a call). Off at first.
void set_kernel_timing(bool on);
/// The report as a table.
std::string to_string(const std::vector<KernelUse>& report);

}  // namespace tenon
