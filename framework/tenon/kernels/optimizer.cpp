#include "tenon/kernels/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <vector>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/optimizer_elements.h"
#include "tenon/kernels/simd/optimizer.h"

namespace tenon::kernels {
namespace {

// One sum would wait for each addition.
constexpr std::int64_t kPartialSums = 8;

}  // namespace

void sgd_update(Tensor& p, const Tensor& g, Tensor& m, const SgdUpdate& options) {
  const bool is_simd = p.dtype() == Dtype::f32;
  KernelScope scope("sgd_update", is_simd ? "simd" : "reference");
  const double old_part = options.first ? 0 : options.momentum;
  const double new_part = options.first ? 1 : 1 - options.dampening;
  // Of the gradient and of the momentum, in the step.
  const double slope_part = m.defined() && !options.nesterov ? 0 : 1;
  const double momentum_part = options.nesterov ? options.momentum : 1;
  if (is_simd) {
    const auto number = [](double x) { return static_cast<float>(x); };
    const simd::SgdNumbers numbers{.rate = number(options.learning_rate),
                                   .decay = number(options.weight_decay),
                                   .old_part = number(old_part),
                                   .new_part = number(new_part),
                                   .slope_part = number(slope_part),
                                   .momentum_part = number(momentum_part)};
    return for_elements<float, 1>(
        scope, p, g, {&m},
        [&](float* values, const float* slopes, auto states, std::int64_t begin, std::int64_t end) {
          float* const moments = states[0] != nullptr ? states[0] + begin : nullptr;
          simd::sgd(numbers, values + begin, slopes + begin, moments, end - begin);
        });
  }

  for_elements<double, 1>(
      scope, p, g, {&m},
      [&](double* values, const double* slopes, auto states, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          double step = slopes[i] + options.weight_decay * values[i];
          if (states[0] != nullptr) {
            const double moment = old_part * states[0][i] + new_part * step;
            states[0][i] = moment;
            step = slope_part * step + momentum_part * moment;
          }
          values[i] -= options.learning_rate * step;
        }
      });
}

void lion_update(Tensor& p, const Tensor& g, Tensor& m, const LionUpdate& options) {
  const bool is_simd = p.dtype() == Dtype::f32;
  KernelScope scope("lion_update", is_simd ? "simd" : "reference");
  if (is_simd) {
    const auto number = [](double x) { return static_cast<float>(x); };
    const simd::LionNumbers numbers{.rate = number(options.learning_rate),
                                    .keep = number(1 - options.shrink),
                                    .beta1 = number(options.beta1),
                                    .part1 = number(1 - options.beta1),
                                    .beta2 = number(options.beta2),
                                    .part2 = number(1 - options.beta2)};
    return for_elements<float, 1>(
        scope, p, g, {&m},
        [&](float* values, const float* slopes, auto states, std::int64_t begin, std::int64_t end) {
          simd::lion(numbers, values + begin, slopes + begin, states[0] + begin, end - begin);
        });
  }

  for_elements<double, 1>(
      scope, p, g, {&m},
      [&](double* values, const double* slopes, auto states, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          double& moment = states[0][i];
          const double mixed = options.beta1 * moment + (1 - options.beta1) * slopes[i];
          // Neither above nor below zero: zero, or a NaN that must not get lost.
          const double sign = mixed > 0 ? 1 : mixed < 0 ? -1 : mixed;
          values[i] = (1 - options.shrink) * values[i] - options.learning_rate * sign;
          moment = options.beta2 * moment + (1 - options.beta2) * slopes[i];
        }
      });
}

double sum_of_squares(const Tensor& x) {
  const std::int64_t count = x.numel();
  if (count == 0) return 0;
  KernelScope scope("sum_of_squares", "reference");
  const bool dense = is_dense(x.shape(), x.strides());
  const Tensor y = dense ? x : copy_to_strides(x, contiguous_strides(x.shape()));
  if (!dense) scope.count_reorder();

  std::vector<double> sums(static_cast<std::size_t>((count + kUpdateGrain - 1) / kUpdateGrain));
  visit_floating(y.dtype(), [&](auto zero) {
    const auto* values = elements<decltype(zero)>(y);
    const auto square = [](auto v) { return static_cast<double>(v) * static_cast<double>(v); };
    parallel_for(count, kUpdateGrain, [&](std::int64_t begin, std::int64_t end) {
      double parts[kPartialSums] = {};
      std::int64_t i = begin;
      for (; i + kPartialSums <= end; i += kPartialSums)
        for (std::int64_t part = 0; part < kPartialSums; ++part)
          parts[part] += square(values[i + part]);
      for (; i < end; ++i) parts[i % kPartialSums] += square(values[i]);
      sums[static_cast<std::size_t>(begin / kUpdateGrain)] =
          std::accumulate(std::begin(parts), std::end(parts), 0.0);
    });
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace tenon::kernels
