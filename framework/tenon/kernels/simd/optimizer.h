#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

// One pass over a line of f32, in place. Without fused multiply-adds: the bits are those of the
// plain loop.

/// The numbers of kernels::SgdUpdate, as the loop takes them.
struct SgdNumbers {
  float rate;
  float decay;
  float old_part;       // of the momentum, in the new one
  float new_part;       // of the gradient, in the new momentum
  float slope_part;     // of the gradient, in the step
  float momentum_part;  // of the new momentum, in the step
};

/// kernels::sgd_update; m may be null: the gradient is the step.
void sgd(const SgdNumbers& numbers, float* p, const float* g, float* m, std::int64_t count);

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

/// kernels::adam_update; `largest` may be null.
void adam(const AdamNumbers& numbers, float* p, const float* g, float* m, float* v, float* largest,
          std::int64_t count);

/// The numbers of kernels::NadamUpdate, as the loop takes them.
struct NadamNumbers {
  float keep;  // 1 - shrink
  float decay;
  float part1;  // 1 - beta1
  float beta2;
  float part2;        // 1 - beta2
  float slope_step;   // of the gradient
  float moment_step;  // of the first moment
  float root;
  float epsilon;
};

/// kernels::nadam_update.
void nadam(const NadamNumbers& numbers, float* p, const float* g, float* m, float* v,
           std::int64_t count);

/// The numbers of kernels::RmspropUpdate, as the loop takes them.
struct RmspropNumbers {
  float rate;
  float decay;
  float alpha;
  float part;  // 1 - alpha
  float epsilon;
  float momentum;
};

/// kernels::rmsprop_update; `mean` and m may be null.
void rmsprop(const RmspropNumbers& numbers, float* p, const float* g, float* s, float* mean,
             float* m, std::int64_t count);

/// The numbers of kernels::AdagradUpdate, as the loop takes them.
struct AdagradNumbers {
  float rate;
  float decay;
  float epsilon;
};

/// kernels::adagrad_update.
void adagrad(const AdagradNumbers& numbers, float* p, const float* g, float* s, std::int64_t count);

/// The numbers of kernels::LionUpdate, as the loop takes them.
struct LionNumbers {
  float rate;
  float keep;  // 1 - shrink
  float beta1;
  float part1;  // 1 - beta1
  float beta2;
  float part2;  // 1 - beta2
};

/// kernels::lion_update.
void lion(const LionNumbers& numbers, float* p, const float* g, float* m, std::int64_t count);

}  // namespace tenon::kernels::simd
