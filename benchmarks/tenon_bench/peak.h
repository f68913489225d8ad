#pragma once

namespace tenon::benchmarks {

/// What one thread of this machine can do in f32 multiply-adds, measured: independent chains in
/// registers, with the instruction set that the library's kernels use.
double measured_peak_gflops();

}  // namespace tenon::benchmarks
