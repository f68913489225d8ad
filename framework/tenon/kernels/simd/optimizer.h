#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

/// The numbers of kernels::AdamUpdate, as the loop takes them.
struct AdamNumbers {
  float keep;  // 1 - shrink
  float decay;
  float part1;  // 1 - beta1
  float beta2;
  float part2;  // 1 - beta2
  float step;
  float root;
  float epsilon;
};

/// kernels::adam_update along one line of f32; `largest` may be null. Without fused multiply-adds:
/// the bits are those of the plain loop.
void adam(const AdamNumbers& numbers, float* p, const float* g, float* m, float* v, float* largest,
          std::int64_t count);

}  // namespace tenon::kernels::simd
