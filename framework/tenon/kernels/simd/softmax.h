#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

/// f32 [outer][count][inner] in memory: a line is the `count` elements `inner` apart from each
/// other. The kernels work on the lines [begin, end) of the outer * inner; a line's numbers do not
/// depend on the cut. What they compute: kernels/softmax.h.
struct SoftmaxLines {
  std::int64_t outer;
  std::int64_t count;
  std::int64_t inner;
};

void softmax(const SoftmaxLines& lines, const float* x, std::int64_t begin, std::int64_t end,
             float* y);
void log_softmax(const SoftmaxLines& lines, const float* x, std::int64_t begin, std::int64_t end,
                 float* y);
void softmax_gradient(const SoftmaxLines& lines, const float* dy, const float* y,
                      std::int64_t begin, std::int64_t end, float* dx);
void log_softmax_gradient(const SoftmaxLines& lines, const float* dy, const float* y,
                          std::int64_t begin, std::int64_t end, float* dx);
/// y[line] = log(sum(exp(x))): -infinity for a line of -infinity, +infinity if one is in it.
void logsumexp(const SoftmaxLines& lines, const float* x, std::int64_t begin, std::int64_t end,
               float* y);

}  // namespace tenon::kernels::simd
