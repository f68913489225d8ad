#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/tensor.h"
#include "tenon/kernels/optimizer.h"
#include "tenon/kernels/optimizer_elements.h"
#include "tenon/kernels/simd/optimizer.h"

namespace tenon::kernels {

void rmsprop_update(Tensor& p, const Tensor& g, Tensor& s, Tensor& mean, Tensor& m,
                    const RmspropUpdate& options) {
  const bool is_simd = p.dtype() == Dtype::f32;
  KernelScope scope("rmsprop_update", is_simd ? "simd" : "reference");
  if (is_simd) {
    const auto number = [](double x) { return static_cast<float>(x); };
    const simd::RmspropNumbers numbers{.rate = number(options.learning_rate),
                                       .decay = number(options.weight_decay),
                                       .alpha = number(options.alpha),
                                       .part = number(1 - options.alpha),
                                       .epsilon = number(options.epsilon),
                                       .momentum = number(options.momentum)};
    return for_elements<float, 3>(
        scope, p, g, {&s, &mean, &m},
        [&](float* values, const float* slopes, auto states, std::int64_t begin, std::int64_t end) {
          float* const means = states[1] != nullptr ? states[1] + begin : nullptr;
          float* const moments = states[2] != nullptr ? states[2] + begin : nullptr;
          simd::rmsprop(numbers, values + begin, slopes + begin, states[0] + begin, means, moments,
                        end - begin);
        });
  }

  for_elements<double, 3>(
      scope, p, g, {&s, &mean, &m},
      [&](double* values, const double* slopes, auto states, std::int64_t begin, std::int64_t end) {
        double* const means = states[1];
        double* const moments = states[2];
        const double part = 1 - options.alpha;
        for (std::int64_t i = begin; i < end; ++i) {
          const double slope = slopes[i] + options.weight_decay * values[i];
          double square = options.alpha * states[0][i] + part * slope * slope;
          states[0][i] = square;
          if (means != nullptr) {
            means[i] += part * (slope - means[i]);
            square = std::max(square - means[i] * means[i], 0.0);
          }
          double step = slope / (std::sqrt(square) + options.epsilon);
          if (moments != nullptr) step = moments[i] = options.momentum * moments[i] + step;
          values[i] -= options.learning_rate * step;
        }
      });
}

void adagrad_update(Tensor& p, const Tensor& g, Tensor& s, const AdagradUpdate& options) {
  const bool is_simd = p.dtype() == Dtype::f32;
  KernelScope scope("adagrad_update", is_simd ? "simd" : "reference");
  if (is_simd) {
    const auto number = [](double x) { return static_cast<float>(x); };
    const simd::AdagradNumbers numbers{.rate = number(options.learning_rate),
                                       .decay = number(options.weight_decay),
                                       .epsilon = number(options.epsilon)};
    return for_elements<float, 1>(
        scope, p, g, {&s},
        [&](float* values, const float* slopes, auto states, std::int64_t begin, std::int64_t end) {
          simd::adagrad(numbers, values + begin, slopes + begin, states[0] + begin, end - begin);
        });
  }

  for_elements<double, 1>(
      scope, p, g, {&s},
      [&](double* values, const double* slopes, auto states, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const double slope = slopes[i] + options.weight_decay * values[i];
          double& sum = states[0][i];
          sum += slope * slope;
          values[i] -= options.learning_rate * slope / (std::sqrt(sum) + options.epsilon);
        }
      });
}

}  // namespace tenon::kernels
