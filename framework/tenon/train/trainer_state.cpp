#include <fmt/format.h>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/nn/evaluation_scope_internal.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/optim/clip.h"
#include "tenon/train/shard_run_internal.h"
#include "tenon/train/trainer_state_internal.h"

namespace tenon {
namespace {

/// Metrics that are computed of something else meanwhile.
class MetricsAside {
 public:
  explicit MetricsAside(const std::vector<std::unique_ptr<metrics::Metric>>& metrics)
      : metrics_(metrics) {
    for (const auto& metric : metrics_) {
      states_.push_back(metric->state());
      metric->reset();
    }
  }
  ~MetricsAside() {
    for (std::size_t i = 0; i < metrics_.size(); ++i) metrics_[i]->load_state(states_[i]);
  }
  MetricsAside(const MetricsAside&) = delete;
  MetricsAside& operator=(const MetricsAside&) = delete;

 private:
  const std::vector<std::unique_ptr<metrics::Metric>>& metrics_;
  std::vector<std::map<std::string, Tensor>> states_;
};

}  // namespace

void Trainer::State::choose_shards(const data::Batch& batch, Where where) {
  // Unrecorded, nothing is kept for a backward pass: then it stays open, and this batch whole.
  if (shard_size != kChooseShards || batch.size() == 0 || !is_recording()) return;
  const ShardChoice choice = runner.choose_shards(batch, where);
  shard_size = choice.shard_size;
  if (options.quiet) return;
  if (shard_size == 0)
    fmt::print("whole batches, since {}\n", choice.reason);
  else
    fmt::print("shards of {} samples, since {}\n", shard_size, choice.reason);
}

void Trainer::State::observe(const Tensor& outputs, const Tensor& targets, Where where) {
  const NoGradGuard no_grad;
  for (const auto& metric : metrics) metric->update(outputs, targets, where);
}

LossTotal Trainer::State::backward(const data::Batch& batch, Where where) {
  choose_shards(batch, where);
  return runner.backward(
      batch,
      {.shard_size = shard_size,
       .batch_norm = options.batch_norm,
       .divisor = options.batches_per_step > 1 ? 1.0 : 0.0},
      [&](const Tensor& y, const Tensor& t) { observe(y, t, where); }, where);
}

void Trainer::State::step(Where where) {
  const ParameterList parameters = runner.model().parameters();
  if (options.batches_per_step > 1) {
    check_total_weight("Trainer", step_loss.weight, where);
    const NoGradGuard no_grad;
    for (auto [name, tensor] : parameters)
      if (const Tensor gradient = tensor.grad(); gradient.defined())
        tensor.set_grad(gradient / step_loss.weight, where);
  }
  if (options.max_gradient_value > 0)
    optim::clip_grad_value(parameters, options.max_gradient_value, where);
  if (options.max_gradient_norm > 0)
    optim::clip_grad_norm(parameters, options.max_gradient_norm, where);
  if (options.schedule) optimizer.set_learning_rate(options.schedule(position.step, where), where);
  optimizer.step();
  zero_grad();
  average.update(runner.model());
  ++position.step;
  step_loss = {};
  batches_in_step = 0;
}

// Also of parameters that the optimizer does not have: clipping would count what gathers there.
void Trainer::State::zero_grad() {
  optimizer.zero_grad();
  runner.model().zero_grad();
}

LossTotal Trainer::State::run_backward(const data::Batch& batch, Where where) {
  return replaced_backward ? replaced_backward(batch) : backward(batch, where);
}

void Trainer::State::log_metrics(Logs& logs, const char* prefix) const {
  for (const auto& metric : metrics) logs.set(prefix + metric->name(), metric->value());
}

Tensor Trainer::State::predict(const Tensor& inputs, Where where) {
  choose_shards({.inputs = inputs, .targets = {}}, where);
  return runner.predict(inputs, shard_size, where);
}

Logs Trainer::State::evaluate(const data::Dataset& dataset, Where where) {
  if (dataset.size() == 0)
    Fault("Trainer::evaluate", where).raise<DataError>("the dataset has no samples");
  const nn::EvaluationScope evaluation(runner.model());
  const AverageScope averaged(average, runner.model());
  const MetricsAside aside(metrics);
  LossTotal total;
  const data::Loader batches(dataset, {.batch_size = kEvaluatedAtOnce}, where);
  for (const data::Batch& batch : batches.epoch(0, where)) {
    const Tensor outputs = predict(batch.inputs, where);
    total += runner.loss_of(outputs, batch.targets, where);
    observe(outputs, batch.targets, where);
  }
  Logs logs;
  logs.set("loss", total.mean());
  log_metrics(logs, "");
  return logs;
}

void Trainer::State::forget_epoch() {
  epoch_loss = {};
  samples_seen = 0;
  for (const auto& metric : metrics) metric->reset();
}

}  // namespace tenon
