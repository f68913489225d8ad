#include <cmath>
#include <limits>
#include <vector>

#include "tenon/core/order_internal.h"
#include "tenon/kernels/reference/class_weights_internal.h"
#include "tenon/kernels/reference/lines_internal.h"
#include "tenon/kernels/reference/loss.h"

namespace tenon::kernels::reference {
namespace {

/// One tile of lines: writes the losses and, unless null, the probabilities.
template <class T>
void cross_entropy_tile(const Lines& lines, const LineTile& tile, const ClassWeights<T>& weights,
                        std::int64_t ignore_index, const T* x, const std::int64_t* labels,
                        double* losses, T* probabilities) {
  T greatest[kLineTile];
  double totals[kLineTile];
  std::fill_n(totals, tile.width, 0.0);
  double smoothed[kLineTile];  // what smoothing takes from the loss
  std::fill_n(smoothed, tile.width, 0.0);
  std::fill_n(greatest, tile.width, -std::numeric_limits<T>::infinity());
  x += tile.offset[0];
  const auto x_at = [&](std::int64_t i, std::int64_t c) {
    return x[i * tile.step[0] + c * lines.stride(0)];
  };
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i) greatest[i] = std::max(greatest[i], x_at(i, c));
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i) {
      const T value = std::exp(x_at(i, c) - greatest[i]);
      totals[i] += static_cast<double>(value);
      if (probabilities)
        probabilities[tile.offset[2] + i * tile.step[2] + c * lines.stride(2)] = value;
    }
  if (weights.smooths())
    for (std::int64_t c = 0; c < lines.count(); ++c)
      for (std::int64_t i = 0; i < tile.width; ++i)
        smoothed[i] += weights.on_class(c) * static_cast<double>(x_at(i, c) - greatest[i]);
  for (std::int64_t i = 0; i < tile.width; ++i) {
    const std::int64_t label = labels[tile.offset[1] + i * tile.step[1]];
    losses[i] = 0;
    if (label == ignore_index) continue;
    losses[i] = weights.mass(label) * std::log(totals[i]) - smoothed[i];
    if (const double weight = weights.on_label(label); weight != 0)
      losses[i] -= weight * static_cast<double>(x_at(i, label) - greatest[i]);
  }
  if (!probabilities) return;
  for (std::int64_t i = 0; i < tile.width; ++i) totals[i] = 1.0 / totals[i];
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i)
      probabilities[tile.offset[2] + i * tile.step[2] + c * lines.stride(2)] *=
          static_cast<T>(totals[i]);
}

}  // namespace

CrossEntropy cross_entropy(const Tensor& logits, const ClassTargets& targets, std::size_t axis,
                           bool want_losses, bool want_probabilities) {
  CrossEntropy result;
  const Strides order = output_order(logits.shape(), {&logits});
  if (want_losses) result.losses = make_tensor(targets.labels.shape(), logits.dtype());
  if (want_probabilities) result.probabilities = make_tensor(logits.shape(), order, logits.dtype());
  if (logits.numel() == 0) return result;  // labels without classes were refused

  const std::int64_t classes = logits.shape()[axis];
  const Tensor labels = expand_classes(targets.labels, classes, axis);
  const Tensor& probabilities = want_probabilities ? result.probabilities : logits;
  const Tensor losses = want_losses ? expand_classes(result.losses, classes, axis) : labels;
  const Lines lines(axis, {&logits, &labels, &probabilities, &losses});
  constexpr std::int64_t kNanoseconds = 10;
  const std::int64_t grain = line_grain(lines, kNanoseconds);
  std::vector<double> totals(static_cast<std::size_t>((lines.lines() + grain - 1) / grain), 0.0);

  visit_floating(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const ClassWeights<T> weights(targets, classes);
    T* probabilities_to = want_probabilities ? fresh_elements<T>(result.probabilities) : nullptr;
    parallel_for(lines.lines(), grain, [&](std::int64_t begin, std::int64_t end) {
      double& total = totals[static_cast<std::size_t>(begin / grain)];
      for_each_tile(lines, begin, end, [&](const LineTile& tile) {
        double tile_losses[kLineTile];
        cross_entropy_tile(lines, tile, weights, targets.ignore_index, elements<T>(logits),
                           elements<std::int64_t>(labels), tile_losses, probabilities_to);
        for (std::int64_t i = 0; i < tile.width; ++i) total += tile_losses[i];
        if (!want_losses) return;
        T* losses_to = fresh_elements<T>(result.losses) + tile.offset[3];
        for (std::int64_t i = 0; i < tile.width; ++i)
          losses_to[i * tile.step[3]] = static_cast<T>(tile_losses[i]);
      });
    });
  });
  for (const double total : totals) result.total += total;
  return result;
}

Tensor cross_entropy_gradient(const Tensor& scale, const Tensor& probabilities,
                              const ClassTargets& targets, std::size_t axis) {
  Tensor dx =
      make_tensor(probabilities.shape(), output_order(probabilities.shape(), {&probabilities}),
                  probabilities.dtype());
  if (dx.numel() == 0) return dx;
  const std::int64_t classes = dx.shape()[axis];
  const Tensor labels = expand_classes(targets.labels, classes, axis);
  const Tensor scales = expand_classes(scale, classes, axis);
  const Lines lines(axis, {&dx, &probabilities, &labels, &scales});
  visit_floating(dx.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const ClassWeights<T> weights(targets, classes);
    const T* p = elements<T>(probabilities);
    const T* scale_of = elements<T>(scales);
    const std::int64_t* label_of = elements<std::int64_t>(labels);
    T* to = fresh_elements<T>(dx);
    parallel_for_each_tile(lines, 2, [&](const LineTile& tile) {
      std::int64_t label[kLineTile];
      T factor[kLineTile];
      T mass[kLineTile];
      for (std::int64_t i = 0; i < tile.width; ++i) {
        label[i] = label_of[tile.offset[2] + i * tile.step[2]];
        const bool counts = label[i] != targets.ignore_index;
        // Not scale * 0: nothing is to flow into ignored samples, not even a NaN.
        factor[i] = counts ? scale_of[tile.offset[3] + i * tile.step[3]] : T{0};
        mass[i] = counts ? static_cast<T>(weights.mass(label[i])) : T{0};
      }
      for (std::int64_t c = 0; c < classes; ++c) {
        const T each = weights.smooths() ? static_cast<T>(weights.on_class(c)) : T{0};
        for (std::int64_t i = 0; i < tile.width; ++i) {
          const T probability = p[tile.offset[1] + i * tile.step[1] + c * lines.stride(1)];
          to[tile.offset[0] + i * tile.step[0] + c * lines.stride(0)] =
              factor[i] * (mass[i] * probability - each);
        }
      }
      for (std::int64_t i = 0; i < tile.width; ++i) {
        if (label[i] == targets.ignore_index) {
          for (std::int64_t c = 0; c < classes; ++c)
            to[tile.offset[0] + i * tile.step[0] + c * lines.stride(0)] = 0;
          continue;
        }
        const std::int64_t at = i * tile.step[0] + label[i] * lines.stride(0);
        const T probability = p[tile.offset[1] + i * tile.step[1] + label[i] * lines.stride(1)];
        const double target =
            weights.on_label(label[i]) + (weights.smooths() ? weights.on_class(label[i]) : 0.0);
        to[tile.offset[0] + at] = factor[i] * (mass[i] * probability - static_cast<T>(target));
      }
    });
  });
  return dx;
}

}  // namespace tenon::kernels::reference
