#include "tenon/train/trainer.h"

#include <fmt/format.h>

#include "tenon/core/fault_internal.h"
#include "tenon/nn/evaluation_scope_internal.h"
#include "tenon/ops/shape.h"
#include "tenon/train/trainer_state_internal.h"

namespace tenon {
namespace {

const TrainerOptions& checked(const TrainerOptions& options, Where where) {
  const auto check = [&](const char* name, auto value, bool is_good, const char* wanted) {
    if (!is_good)
      Fault("Trainer", where)
          .raise<DataError>(fmt::format("{} is {} but must be {}", name, value, wanted));
  };
  check("epochs", options.epochs, options.epochs >= 0, "at least 0");
  check("shard_size", options.shard_size, options.shard_size >= kChooseShards,
        "at least 1, 0 for whole batches, or kChooseShards");
  check("batches_per_step", options.batches_per_step, options.batches_per_step >= 1, "at least 1");
  check("max_gradient_norm", options.max_gradient_norm, options.max_gradient_norm >= 0,
        "at least 0");
  check("max_gradient_value", options.max_gradient_value, options.max_gradient_value >= 0,
        "at least 0");
  check("average_decay", options.average_decay,
        options.average_decay >= 0 && options.average_decay < 1, "in [0, 1)");
  for (const auto& [name, value] : options.metadata)
    if (name.starts_with(kOwnMetadata))
      Fault("Trainer", where)
          .raise<DataError>(fmt::format(
              "the metadata \"{}\" has a name that begins with \"{}\", as the trainer's own do",
              name, kOwnMetadata));
  return options;
}

}  // namespace

Trainer::Trainer(nn::Module& model, Loss loss, optim::Optimizer& optimizer,
                 const TrainerOptions& options, Where where)
    : state_(new State(model, std::move(loss), optimizer, checked(options, where))) {}
Trainer::~Trainer() { delete state_; }

void Trainer::adopt(Callback* callback, Where where) {
  state_->callbacks.emplace_back(callback);
  callback->where_ = where;
}
void Trainer::adopt(metrics::Metric* metric, Where where) {
  std::unique_ptr<metrics::Metric> owned(metric);
  if (owned->name() == "loss" || owned->name() == "learning_rate")
    Fault("Trainer::add", where)
        .raise<DataError>(
            fmt::format("a metric cannot be named {}, as the logs have it already", owned->name()));
  for (const auto& other : state_->metrics)
    if (other->name() == owned->name())
      Fault("Trainer::add", where)
          .fix("Give one of them another name, with the option name.")
          .raise<DataError>(fmt::format("there are two metrics named {}", owned->name()));
  state_->metrics.push_back(std::move(owned));
}
void Trainer::set_forward(Function<Tensor(const Tensor&)> forward) {
  state_->runner.set_forward(std::move(forward));
}
void Trainer::set_backward(Function<LossTotal(const data::Batch&)> backward) {
  state_->replaced_backward = std::move(backward);
}

const std::vector<Logs>& Trainer::fit(const data::Loader& train, Where where) {
  return fit(train, nullptr, where);
}
const std::vector<Logs>& Trainer::fit(const data::Loader& train, const data::Dataset& validation,
                                      Where where) {
  return fit(train, &validation, where);
}

const std::vector<Logs>& Trainer::fit(const data::Loader& train, const data::Dataset* validation,
                                      Where where) {
  State& s = *state_;
  if (train.size() == 0)
    Fault("Trainer::fit", where)
        .note(fmt::format("  dataset: {} samples, batch_size = {}, drop_last = {}",
                          train.dataset().size(), train.options().batch_size,
                          train.options().drop_last))
        .raise<DataError>("the loader has no batches");
  s.stopped = false;
  s.stop_reason.clear();
  s.may_refuse = s.is_refused = false;
  s.use_loader(train, where);
  s.runner.model().set_training(true);
  s.zero_grad();
  s.step_loss = {};
  s.batches_in_step = 0;

  const auto notify = [&](auto&& event) {
    for (std::size_t i = 0; i < s.callbacks.size(); ++i)
      event(*s.callbacks[i]);  // one may add some
  };
  const auto run_epoch = [&] {
    if (s.position.batch == 0) s.forget_epoch();
    notify([&](Callback& callback) { callback.on_epoch_begin(*this); });
    LossTotal loss_at_step = s.epoch_loss;
    std::int64_t samples_at_step = s.samples_seen;
    for (const data::Batch& batch :
         train.epoch(s.position.epoch, {.first_batch = s.position.batch}, where)) {
      const LossTotal loss = s.run_backward(batch, where);
      s.may_refuse = true;
      notify([&](Callback& callback) { callback.on_backward_end(*this, batch, loss); });
      s.may_refuse = false;
      if (std::exchange(s.is_refused, false)) {
        s.zero_grad();
        // The batches of a step that had begun have to come again.
        s.position.batch -= std::exchange(s.batches_in_step, 0);
        s.samples_seen = samples_at_step;
        s.epoch_loss = loss_at_step;
        s.step_loss = {};
        return;
      }
      s.epoch_loss += loss;
      s.step_loss += loss;
      s.samples_seen += batch.size();
      ++s.position.batch;
      if (++s.batches_in_step == s.options.batches_per_step ||
          s.position.batch == s.batches_per_epoch) {
        s.step(where);
        loss_at_step = s.epoch_loss;
        samples_at_step = s.samples_seen;
      }
      notify([&](Callback& callback) { callback.on_batch_end(*this); });
      if (s.batches_in_step == 0 && s.position.batch < s.batches_per_epoch)
        notify([&](Callback& callback) { callback.on_checkpoint(*this); });
      // A step that is half accumulated is finished first.
      if (s.stopped && s.batches_in_step == 0 && s.position.batch < s.batches_per_epoch) return;
    }
    Logs logs = running_logs();
    logs.set("learning_rate", s.optimizer.learning_rate());
    if (validation)
      for (const auto& [name, value] : s.evaluate(*validation, where))
        logs.set("validation_" + name, value);
    s.history.push_back(logs);
    ++s.position.epoch;
    s.position.batch = 0;
    notify([&](Callback& callback) { callback.on_epoch_end(*this, logs); });
    notify([&](Callback& callback) { callback.on_checkpoint(*this); });
  };

  try {
    notify([&](Callback& callback) { callback.on_fit_begin(*this); });
    while (!s.stopped && s.position.epoch < s.options.epochs) run_epoch();
  } catch (...) {
    notify([&](Callback& callback) { callback.on_fit_end(*this); });
    throw;
  }
  notify([&](Callback& callback) { callback.on_fit_end(*this); });
  if (s.stopped && !s.options.quiet)
    fmt::print("stopped {}: {}\n",
               s.position.batch == 0 ? fmt::format("after epoch {}", s.position.epoch)
                                     : fmt::format("in epoch {} after batch {}",
                                                   s.position.epoch + 1, s.position.batch),
               s.stop_reason);
  return s.history;
}

Logs Trainer::evaluate(const data::Dataset& dataset, Where where) {
  return state_->evaluate(dataset, where);
}

Tensor Trainer::predict(const Tensor& inputs, Where where) {
  const nn::EvaluationScope evaluation(model());
  const AverageScope averaged(state_->average, model());
  return state_->predict(inputs, where);
}

Tensor Trainer::predict(const data::Dataset& dataset, Where where) {
  if (dataset.size() == 0)
    Fault("Trainer::predict", where).raise<DataError>("the dataset has no samples");
  const nn::EvaluationScope evaluation(model());
  const AverageScope averaged(state_->average, model());
  std::vector<Tensor> outputs;
  const data::Loader loader(dataset, {.batch_size = kEvaluatedAtOnce}, where);
  for (const data::Batch& batch : loader.epoch(0, where))
    outputs.push_back(state_->predict(batch.inputs, where));
  return concat(outputs, 0, where);
}

void Trainer::apply_average(Where where) {
  if (!state_->average.is_there())
    Fault("Trainer::apply_average", where)
        .fix("Set the option average_decay, and train a step.")
        .raise<Error>("there is no average of the parameters");
  state_->average.copy_to(state_->runner.model());
}

LossTotal Trainer::backward(const data::Batch& batch, Where where) {
  return state_->backward(batch, where);
}

LossTotal Trainer::run_backward(const data::Batch& batch, Where where) {
  return state_->run_backward(batch, where);
}

void Trainer::stop(std::string reason) {
  if (state_->may_refuse) state_->is_refused = true;
  if (std::exchange(state_->stopped, true)) return;
  state_->stop_reason = std::move(reason);
}

bool Trainer::is_stopped() const { return state_->stopped; }
const std::string& Trainer::stop_reason() const { return state_->stop_reason; }
nn::Module& Trainer::model() const { return state_->runner.model(); }
optim::Optimizer& Trainer::optimizer() const { return state_->optimizer; }
const TrainerOptions& Trainer::options() const { return state_->options; }
const TrainingPosition& Trainer::position() const { return state_->position; }
const std::vector<Logs>& Trainer::history() const { return state_->history; }
std::int64_t Trainer::batches_per_epoch() const { return state_->batches_per_epoch; }
std::int64_t Trainer::samples_per_epoch() const { return state_->samples_per_epoch; }
std::int64_t Trainer::samples_seen() const { return state_->samples_seen; }

Logs Trainer::running_logs() const {
  Logs logs;
  logs.set("loss", state_->epoch_loss.mean());
  state_->log_metrics(logs, "");
  return logs;
}

}  // namespace tenon
