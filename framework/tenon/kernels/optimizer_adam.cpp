#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/tensor.h"
#include "tenon/kernels/optimizer.h"
#include "tenon/kernels/optimizer_elements.h"
#include "tenon/kernels/simd/optimizer.h"

namespace tenon::kernels {

void adam_update(Tensor& p, const Tensor& g, Tensor& m, Tensor& v, Tensor& largest,
                 const AdamUpdate& options) {
  const bool is_simd = p.dtype() == Dtype::f32;
  KernelScope scope("adam_update", is_simd ? "simd" : "reference");
  if (is_simd) {
    const auto number = [](double x) { return static_cast<float>(x); };
    const simd::AdamNumbers numbers{.keep = number(1 - options.shrink),
                                    .decay = number(options.weight_decay),
                                    .part1 = number(1 - options.beta1),
                                    .beta2 = number(options.beta2),
                                    .part2 = number(1 - options.beta2),
                                    .step = number(options.step_size),
                                    .root = number(options.root_correction),
                                    .epsilon = number(options.epsilon)};
    return for_elements<float, 3>(
        scope, p, g, {&m, &v, &largest},
        [&](float* values, const float* slopes, auto states, std::int64_t begin, std::int64_t end) {
          float* const most = states[2] != nullptr ? states[2] + begin : nullptr;
          simd::adam(numbers, values + begin, slopes + begin, states[0] + begin, states[1] + begin,
                     most, end - begin);
        });
  }

  for_elements<double, 3>(
      scope, p, g, {&m, &v, &largest},
      [&](double* values, const double* slopes, auto states, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const double value = (1 - options.shrink) * values[i];
          const double slope = slopes[i] + options.weight_decay * value;
          double& moment = states[0][i];
          double& square = states[1][i];
          moment += (1 - options.beta1) * (slope - moment);
          square = options.beta2 * square + (1 - options.beta2) * slope * slope;
          double used = square;
          if (states[2] != nullptr) used = states[2][i] = std::max(states[2][i], square);
          values[i] = value - options.step_size * moment /
                                  (std::sqrt(used) / options.root_correction + options.epsilon);
        }
      });
}

void nadam_update(Tensor& p, const Tensor& g, Tensor& m, Tensor& v, const NadamUpdate& options) {
  const bool is_simd = p.dtype() == Dtype::f32;
  KernelScope scope("nadam_update", is_simd ? "simd" : "reference");
  if (is_simd) {
    const auto number = [](double x) { return static_cast<float>(x); };
    const simd::NadamNumbers numbers{.keep = number(1 - options.shrink),
                                     .decay = number(options.weight_decay),
                                     .part1 = number(1 - options.beta1),
                                     .beta2 = number(options.beta2),
                                     .part2 = number(1 - options.beta2),
                                     .slope_step = number(options.gradient_step),
                                     .moment_step = number(options.moment_step),
                                     .root = number(options.root_correction),
                                     .epsilon = number(options.epsilon)};
    return for_elements<float, 2>(
        scope, p, g, {&m, &v},
        [&](float* values, const float* slopes, auto states, std::int64_t begin, std::int64_t end) {
          simd::nadam(numbers, values + begin, slopes + begin, states[0] + begin, states[1] + begin,
                      end - begin);
        });
  }

  for_elements<double, 2>(
      scope, p, g, {&m, &v},
      [&](double* values, const double* slopes, auto states, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const double value = (1 - options.shrink) * values[i];
          const double slope = slopes[i] + options.weight_decay * value;
          double& moment = states[0][i];
          double& square = states[1][i];
          moment += (1 - options.beta1) * (slope - moment);
          square = options.beta2 * square + (1 - options.beta2) * slope * slope;
          values[i] = value - (options.gradient_step * slope + options.moment_step * moment) /
                                  (std::sqrt(square) / options.root_correction + options.epsilon);
        }
      });
}

}  // namespace tenon::kernels
