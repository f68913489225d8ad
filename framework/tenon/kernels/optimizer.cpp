#include "tenon/kernels/optimizer.h"

#include <algorithm>
#include <array>
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
#include "tenon/kernels/simd/optimizer.h"

namespace tenon::kernels {
namespace {

// About 20 us of updates.
constexpr std::int64_t kGrain = 1 << 14;
// One sum would wait for each addition.
constexpr std::int64_t kPartialSums = 8;

/// Whether both lay their elements at the same places; axes of size 1 match any stride.
bool same_places(const Tensor& a, const Tensor& b) {
  for (std::size_t axis = 0; axis < a.shape().rank(); ++axis)
    if (a.shape()[axis] != 1 && a.strides()[axis] != b.strides()[axis]) return false;
  return true;
}

/// Calls body(pointers, begin, end) over blocks of elements that lie at the same places in memory:
/// pointers are those of p, the gradient and each state (null where undefined). Copies to a common
/// layout where they do not.
template <class T, std::size_t count, class Body>
void for_elements(KernelScope& scope, Tensor& p, const Tensor& g,
                  const std::array<Tensor*, count>& states, Body body) {
  const bool dense = is_dense(p.shape(), p.strides());
  const Strides strides = dense ? p.strides() : contiguous_strides(p.shape());
  Tensor parameter = dense ? p : copy_to_strides(p, strides);
  if (!dense) scope.count_reorder();

  const auto placed = [&](const Tensor& x) {
    if (!x.defined() || same_places(x, parameter)) return x;
    scope.count_reorder();
    return copy_to_strides(x, strides);
  };
  const Tensor gradient = placed(g);
  std::array<Tensor, count> state;
  std::array<T*, count> to{};
  for (std::size_t i = 0; i < count; ++i) {
    state[i] = placed(*states[i]);
    if (state[i].defined()) to[i] = fresh_elements<T>(state[i]);
  }

  T* const values = fresh_elements<T>(parameter);
  const T* const slopes = elements<T>(gradient);
  parallel_for(p.numel(), kGrain,
               [&](std::int64_t begin, std::int64_t end) { body(values, slopes, to, begin, end); });

  const auto put_back = [](Tensor& x, const Tensor& placed_x) {
    if (!x.defined()) return;
    if (x.impl() != placed_x.impl())
      copy(x, placed_x);
    else
      bump_version(x);
  };
  put_back(p, parameter);
  for (std::size_t i = 0; i < count; ++i) put_back(*states[i], state[i]);
}

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

void rmsprop_update(Tensor& p, const Tensor& g, Tensor& s, Tensor& mean, Tensor& m,
                    const RmspropUpdate& options) {
  KernelScope scope("rmsprop_update", "reference");
  visit_floating(p.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T rate = static_cast<T>(options.learning_rate),
            decay = static_cast<T>(options.weight_decay);
    const T alpha = static_cast<T>(options.alpha), part = static_cast<T>(1 - options.alpha);
    const T epsilon = static_cast<T>(options.epsilon), momentum = static_cast<T>(options.momentum);
    for_elements<T, 3>(
        scope, p, g, {&s, &mean, &m},
        [=](T* values, const T* slopes, auto states, std::int64_t begin, std::int64_t end) {
          T* const squares = states[0];
          T* const means = states[1];
          T* const moments = states[2];
          for (std::int64_t i = begin; i < end; ++i) {
            const T slope = slopes[i] + decay * values[i];
            T square = alpha * squares[i] + part * slope * slope;
            squares[i] = square;
            if (means != nullptr) {
              means[i] += part * (slope - means[i]);
              square = std::max(square - means[i] * means[i], T(0));
            }
            T step = slope / (std::sqrt(square) + epsilon);
            if (moments != nullptr) step = moments[i] = momentum * moments[i] + step;
            values[i] -= rate * step;
          }
        });
  });
}

double sum_of_squares(const Tensor& x) {
  const std::int64_t count = x.numel();
  if (count == 0) return 0;
  KernelScope scope("sum_of_squares", "reference");
  const bool dense = is_dense(x.shape(), x.strides());
  const Tensor y = dense ? x : copy_to_strides(x, contiguous_strides(x.shape()));
  if (!dense) scope.count_reorder();

  std::vector<double> sums(static_cast<std::size_t>((count + kGrain - 1) / kGrain));
  visit_floating(y.dtype(), [&](auto zero) {
    const auto* values = elements<decltype(zero)>(y);
    const auto square = [](auto v) { return static_cast<double>(v) * static_cast<double>(v); };
    parallel_for(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      double parts[kPartialSums] = {};
      std::int64_t i = begin;
      for (; i + kPartialSums <= end; i += kPartialSums)
        for (std::int64_t part = 0; part < kPartialSums; ++part)
          parts[part] += square(values[i + part]);
      for (; i < end; ++i) parts[i % kPartialSums] += square(values[i]);
      sums[static_cast<std::size_t>(begin / kGrain)] =
          std::accumulate(std::begin(parts), std::end(parts), 0.0);
    });
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace tenon::kernels
