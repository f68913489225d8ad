#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

/// f32 logits [outer][classes][inner] in memory, and the class of each of the outer * inner
/// samples.
struct ClassLines {
  std::int64_t outer;
  std::int64_t classes;
  std::int64_t inner;
  const std::int64_t* labels;
  const float* weight;  ///< [classes], or null for 1
  std::int64_t ignore_index;
  float smoothing = 0;    ///< between 0 and 1
  float all_weights = 0;  ///< the sum of the weights of all classes, for smoothing
};

/// The samples [begin, end): losses = sum over c of q_c (logsumexp(x) - x_c), and softmax(x), each
/// unless null; q_c = weight_c ((1 - smoothing) [c = label] + smoothing / classes). Returns the sum
/// of the losses. A sample's numbers do not depend on the cut.
double cross_entropy(const ClassLines& lines, const float* x, std::int64_t begin, std::int64_t end,
                     float* losses, float* probabilities);
/// dx_c = scale ((sum of q) p_c - q_c), 0 for ignored samples; `one_scale`: scale[0] for all.
void cross_entropy_gradient(const ClassLines& lines, const float* p, std::int64_t begin,
                            std::int64_t end, const float* scale, bool one_scale, float* dx);

}  // namespace tenon::kernels::simd
