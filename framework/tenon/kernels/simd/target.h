#pragma once

namespace tenon::kernels::simd {

/// The instruction set that the SIMD kernels use on this machine: "AVX-512", "AVX2", ...
const char* target_name();

}  // namespace tenon::kernels::simd
