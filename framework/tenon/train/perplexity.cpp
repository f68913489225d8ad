#include "tenon/train/perplexity.h"

#include <cmath>
#include <utility>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/kernels/loss.h"
#include "tenon/ops/loss_internal.h"
#include "tenon/train/metric_internal.h"

namespace tenon::metrics {
namespace {

constexpr const char* kCrossEntropy = "cross_entropy_sum";
constexpr const char* kLost = "cross_entropy_lost";

}  // namespace

Perplexity::Perplexity(PerplexityOptions options)
    : Metric(options.name.empty() ? "perplexity" : options.name), options_(std::move(options)) {}

void Perplexity::update(const Tensor& outputs, const Tensor& targets, Where where) {
  const NoGradGuard no_grad;
  const kernels::ClassTargets classes =
      class_targets("Perplexity", "outputs", outputs, targets, {}, options_.ignore_index, where);
  const std::vector<std::int64_t> labels = classes.labels.to_vector<std::int64_t>();
  const std::vector<double> losses = kernels::cross_entropy(outputs.to(Dtype::f64, where), classes,
                                                            class_axis(outputs), true, false)
                                         .losses.to_vector<double>();
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (labels[i] == options_.ignore_index) continue;
    cross_entropy_.add(losses[i]);
    ++count_;
  }
}

double Perplexity::value() const {
  return count_ == 0 ? kNan : std::exp(cross_entropy_.value() / static_cast<double>(count_));
}

void Perplexity::reset() {
  cross_entropy_ = {};
  count_ = 0;
}

std::map<std::string, Tensor> Perplexity::state() const {
  return {{kCrossEntropy, state_of(cross_entropy_.sum)},
          {kLost, state_of(cross_entropy_.lost)},
          {kCount, Tensor::from(count_)}};
}

void Perplexity::load_state(const std::map<std::string, Tensor>& state, Where where) {
  check_metric_state(*this, {{kCrossEntropy, kOneSum}, {kLost, kOneSum}, {kCount, kOneCount}},
                     state, where);
  cross_entropy_ = {.sum = state.at(kCrossEntropy).item<double>(),
                    .lost = state.at(kLost).item<double>()};
  count_ = state.at(kCount).item<std::int64_t>();
}

}  // namespace tenon::metrics
