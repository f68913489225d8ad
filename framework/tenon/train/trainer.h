#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/data/loader.h"
#include "tenon/io/metadata.h"
#include "tenon/nn/module.h"
#include "tenon/optim/optimizer.h"
#include "tenon/optim/schedule_any.h"
#include "tenon/train/callback.h"
#include "tenon/train/logs.h"
#include "tenon/train/loss.h"
#include "tenon/train/metric.h"
#include "tenon/train/shards.h"

namespace tenon {

/// The shard size that a Trainer chooses by itself.
inline constexpr std::int64_t kChooseShards = -1;

struct TrainerOptions {
  std::int64_t epochs = 1;
  /// Samples a shard; 0 trains on whole batches. By itself the trainer takes shards of 16 where the
  /// loss adds up over samples, no module couples them, and one set of gradients takes less memory
  /// than what a shard keeps for its backward pass: then they are faster, and their bits don't
  /// depend on the number of threads.
  std::int64_t shard_size = kChooseShards;
  BatchNormInShards batch_norm = BatchNormInShards::error;
  /// Gradient accumulation: batches whose losses together make one step of the optimizer. The last
  /// step of an epoch may have fewer.
  std::int64_t batches_per_step = 1;
  double max_gradient_norm = 0;   ///< clip_grad_norm before each step; 0: none
  double max_gradient_value = 0;  ///< clip_grad_value before each step; 0: none
  /// The learning rate of each step, counted from 0; if it is empty, the optimizer's own stays.
  optim::Schedule schedule = {};
  /// Of an exponential moving average of the parameters, 0.999 say; 0: none. Validation, evaluate
  /// and predict then use the average; the model keeps its own until apply_average().
  double average_decay = 0;
  /// What checkpoints carry along for whoever reads them: {{"data", "mnist"}}. Names that begin
  /// with "trainer." are the trainer's own, which describes there what the run is made of.
  std::map<std::string, MetadataValue> metadata = {};
  bool quiet = false;  ///< don't print how the batches are trained on
};

/// Where a run is.
struct TrainingPosition {
  std::int64_t epoch = 0;  ///< epochs that were finished
  std::int64_t batch = 0;  ///< batches consumed of the one that runs
  std::int64_t step = 0;   ///< steps of the optimizer
};

/// Trains a model, epoch by epoch:
///   Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 10});
///   trainer.add<metrics::Accuracy>();
///   trainer.add<ProgressBar>();
///   trainer.fit(loader, test_set);
///   const double accuracy = trainer.evaluate(test_set).at("accuracy");
/// The model is called as model(inputs), or as set_forward says; it is in training mode while it
/// trains and in evaluation mode while it is evaluated.
class Trainer {
 public:
  /// Everything that is referred to must outlive the trainer. Throws DataError for options out of
  /// range.
  Trainer(nn::Module& model, Loss loss, optim::Optimizer& optimizer,
          const TrainerOptions& options = {}, Where where = Where::current());
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Adds a callback or a metric, made from the arguments, and returns it. Metrics are computed of
  /// what is trained on, as it is then, and of what is evaluated.
  template <class T>
  T& add(Where where = Where::current()) {
    return keep(new T(), where);
  }
  template <class T, class Argument>
  T& add(Argument&& argument, Where where = Where::current()) {
    if constexpr (std::is_constructible_v<T, Argument, Where>)
      return keep(new T(std::forward<Argument>(argument), where), where);
    else
      return keep(new T(std::forward<Argument>(argument)), where);
  }
  template <class T, class First, class Second, class... Rest,
            std::enable_if_t<!std::is_same_v<std::remove_cvref_t<Second>, Where>, int> = 0>
  T& add(First&& first, Second&& second, Rest&&... rest) {
    return keep(new T(std::forward<First>(first), std::forward<Second>(second),
                      std::forward<Rest>(rest)...),
                Where::current());
  }
  /// For a model that is not called as model(inputs).
  void set_forward(Function<Tensor(const Tensor& inputs)> forward);
  /// Replaces what is done with each batch: it must leave gradients in the model's parameters and
  /// return the batch's loss; the optimizer's step follows. backward(batch) is the built-in one.
  void set_backward(Function<LossTotal(const data::Batch& batch)> backward);

  /// Trains until options.epochs epochs are finished, or stop() is called, from position() on.
  /// Without validation data no validation figures are logged. Returns history().
  const std::vector<Logs>& fit(const data::Loader& train, Where where = Where::current());
  const std::vector<Logs>& fit(const data::Loader& train, const data::Dataset& validation,
                               Where where = Where::current());

  /// Loss and metrics of a dataset, in evaluation mode, unrecorded. Throws DataError for an empty
  /// one.
  Logs evaluate(const data::Dataset& dataset, Where where = Where::current());
  /// The outputs for inputs [N, ...], in evaluation mode, unrecorded, in shards.
  Tensor predict(const Tensor& inputs, Where where = Where::current());
  /// Those for all samples of a dataset, in its order.
  Tensor predict(const data::Dataset& dataset, Where where = Where::current());

  /// Puts the moving average into the model, for good. Throws an Error where there is none.
  void apply_average(Where where = Where::current());

  /// Forward and backward pass of a batch: adds the gradient of its mean loss (with several batches
  /// a step: of the sum of its losses) to the parameters and returns the loss.
  LossTotal backward(const data::Batch& batch, Where where = Where::current());
  /// The same, or what set_backward replaced it by: what fit does with a batch.
  LossTotal run_backward(const data::Batch& batch, Where where = Where::current());

  /// Saves all that a resumed run continues with: model, optimizer, position, figures so far,
  /// callbacks and metrics. Throws CheckpointError, and an Error within a step of several batches.
  void save(const std::string& path, Where where = Where::current()) const;
  /// Takes a saved run over; fit() continues it to the bit, with the same loader, options and
  /// callbacks. Throws CheckpointError, before anything is changed, for a file that is damaged or
  /// does not fit.
  void resume(const std::string& path, Where where = Where::current());
  /// Ends fit() after the batch or epoch that runs; fit() then prints the reason unless quiet.
  void stop(std::string reason);
  bool is_stopped() const;
  const std::string& stop_reason() const;

  nn::Module& model() const;
  optim::Optimizer& optimizer() const;
  const TrainerOptions& options() const;
  const TrainingPosition& position() const;
  /// The figures of each finished epoch: "loss", a metric's name, "learning_rate",
  /// "validation_loss", "validation_" and a metric's name.
  const std::vector<Logs>& history() const;
  /// Loss and metrics of the epoch that runs, so far.
  Logs running_logs() const;
  /// While fit runs: batches and samples an epoch, and the samples seen in this one.
  std::int64_t batches_per_epoch() const;
  std::int64_t samples_per_epoch() const;
  std::int64_t samples_seen() const;

 private:
  struct State;

  template <class T>
  T& keep(T* made, Where where) {
    static_assert(std::is_base_of_v<Callback, T> || std::is_base_of_v<metrics::Metric, T>,
                  "tenon: a Trainer takes callbacks and metrics");
    adopt(made, where);
    return *made;
  }
  void adopt(Callback* callback, Where where);
  void adopt(metrics::Metric* metric, Where where);
  const std::vector<Logs>& fit(const data::Loader& train, const data::Dataset* validation,
                               Where where);

  State* state_;
};

}  // namespace tenon
