#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/ops/loss.h"

namespace tenon {

inline constexpr Reduction kReductions[] = {Reduction::none, Reduction::mean, Reduction::sum};

inline Tensor normal64(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::normal(shape, rng, {.dtype = Dtype::f64});
}

inline Tensor labels_for(const Shape& logits, std::uint64_t seed) {
  Rng rng(seed);
  Shape shape = logits;
  shape.erase(1);
  return Tensor::randint(0, logits[1], shape, rng);
}

/// Each loss by the definition, then the reduction; logits [N, C, ...].
inline std::vector<double> cross_entropy_by_hand(const Tensor& logits, const Tensor& targets,
                                                 const CrossEntropyOptions& options) {
  const std::vector<double> x = logits.to_vector<double>();
  const std::vector<std::int64_t> labels = targets.to_vector<std::int64_t>();
  const auto classes = static_cast<std::size_t>(logits.shape()[1]);
  std::size_t inner = 1;
  for (std::size_t i = 2; i < logits.shape().rank(); ++i)
    inner *= static_cast<std::size_t>(logits.shape()[i]);
  std::vector<double> weight(classes, 1.0);
  if (options.weight.defined()) weight = options.weight.to_vector<double>();
  std::vector<double> losses;
  double total = 0, divisor = 0;
  for (std::size_t at = 0; at < labels.size(); ++at) {
    const std::size_t base = at / inner * classes * inner + at % inner;
    double exps = 0, loss = 0;
    for (std::size_t c = 0; c < classes; ++c) exps += std::exp(x[base + c * inner]);
    const bool counts = labels[at] != options.ignore_index;
    for (std::size_t c = 0; c < classes && counts; ++c) {
      const double hit =
          static_cast<std::int64_t>(c) == labels[at] ? 1 - options.label_smoothing : 0.0;
      const double q = hit + options.label_smoothing / static_cast<double>(classes);
      loss -= q * weight[c] * (x[base + c * inner] - std::log(exps));
    }
    if (counts) divisor += weight[static_cast<std::size_t>(labels[at])];
    losses.push_back(loss);
    total += loss;
  }
  if (options.reduction == Reduction::none) return losses;
  return {options.reduction == Reduction::mean ? total / divisor : total};
}

}  // namespace tenon
