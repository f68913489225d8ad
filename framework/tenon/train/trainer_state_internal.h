#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/train/model_runner_internal.h"
#include "tenon/train/trainer.h"
#include "tenon/train/weight_average_internal.h"

namespace tenon {

inline constexpr std::int64_t kEvaluatedAtOnce = 512;  // samples
inline constexpr std::string_view kOwnMetadata = "trainer.";

/// What a run is made of, by names like "trainer.loader.batch_size": the metadata of its
/// checkpoints.
using Configuration = std::map<std::string, MetadataValue>;

/// What keeps a state of its own: a callback or a metric, with the beginning of its names in a
/// checkpoint, "callbacks/EarlyStopping/" or "metrics/accuracy/".
struct TrainerPart {
  std::string name = {};
  Callback* callback = nullptr;
  metrics::Metric* metric = nullptr;

  std::map<std::string, Tensor> state() const {
    return callback ? callback->state() : metric->state();
  }
  void load_state(const std::map<std::string, Tensor>& state, Where where) const {
    if (callback)
      callback->load_state(state, where);
    else
      metric->load_state(state, where);
  }
};

struct Trainer::State {
  State(nn::Module& model, Loss loss, optim::Optimizer& used_optimizer,
        const TrainerOptions& used_options)
      : runner(model, std::move(loss)),
        optimizer(used_optimizer),
        options(used_options),
        average(used_options.average_decay),
        shard_size(used_options.shard_size) {}

  void choose_shards(const data::Batch& batch, Where where);
  void observe(const Tensor& outputs, const Tensor& targets, Where where);
  LossTotal backward(const data::Batch& batch, Where where);
  /// What fit does with a batch: backward, or what replaces it.
  LossTotal run_backward(const data::Batch& batch, Where where);
  void step(Where where);
  void zero_grad();
  void log_metrics(Logs& logs, const char* prefix) const;
  /// In the mode and with the weights that the model has.
  Tensor predict(const Tensor& inputs, Where where);
  Logs evaluate(const data::Dataset& dataset, Where where);
  void forget_epoch();
  /// Parts of one name are numbered from the second on.
  std::vector<TrainerPart> parts() const;
  /// Notes how the loader cuts its data; a resumed run must go on with the same.
  void use_loader(const data::Loader& train, Where where);
  Configuration configuration() const;
  /// Throws a CheckpointError for a saved run whose options would give other bits.
  void check_configuration(const Configuration& saved, Where where) const;
  /// Takes over what the saved run's options left open.
  void use_configuration(const Configuration& saved);

  ModelRunner runner;
  optim::Optimizer& optimizer;
  const TrainerOptions options;
  WeightAverage average;
  Function<LossTotal(const data::Batch&)> replaced_backward;
  std::vector<std::unique_ptr<Callback>> callbacks;
  std::vector<std::unique_ptr<metrics::Metric>> metrics;

  std::int64_t shard_size;  // kChooseShards until the first batch
  TrainingPosition position;
  LossTotal epoch_loss;
  LossTotal step_loss;  // of the batches since the last step
  std::int64_t batches_in_step = 0;
  std::int64_t batches_per_epoch = 0;
  std::int64_t samples_per_epoch = 0;
  std::int64_t samples_seen = 0;
  std::vector<Logs> history;
  Configuration loader;     ///< of fit's; empty before there was one
  bool is_resumed = false;  // and fit has not begun yet
  bool stopped = false;
  bool may_refuse = false;  // while callbacks see gradients that were not used yet
  bool is_refused = false;
  std::string stop_reason;
};

}  // namespace tenon
