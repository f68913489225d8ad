#pragma once

#include <map>
#include <string>

#include "tenon/core/tensor.h"
#include "tenon/data/dataset.h"
#include "tenon/train/logs.h"
#include "tenon/train/loss.h"

namespace tenon {

class Trainer;

/// Something that watches a Trainer and may steer it. Derive from it and override what you need;
/// callbacks run in the order in which they were added, on the caller's thread.
///   class StopAtAccuracy : public Callback {
///    public:
///     void on_epoch_end(Trainer& trainer, const Logs& logs) override {
///       if (logs.at("validation_accuracy") > 0.99) trainer.stop("accurate enough");
///     }
///   };
///   trainer.add<StopAtAccuracy>();
class Callback {
 public:
  Callback() = default;
  virtual ~Callback();
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  virtual void on_fit_begin(Trainer& trainer);
  virtual void on_epoch_begin(Trainer& trainer);
  /// After the backward pass of a batch, before its gradients are used. A stop() here leaves out
  /// the step: weights and optimizer stay as they were before. (Buffers and metrics have seen the
  /// batch.)
  virtual void on_backward_end(Trainer& trainer, const data::Batch& batch, const LossTotal& loss);
  /// After each batch, whether or not the optimizer took a step.
  virtual void on_batch_end(Trainer& trainer);
  /// After the epoch's validation; `logs` is also the last of trainer.history(). Not called for an
  /// epoch that was stopped within.
  virtual void on_epoch_end(Trainer& trainer, const Logs& logs);
  /// Between steps, when all callbacks have seen the batch or the epoch: what trainer.save() saves
  /// here is what a resumed run goes on with.
  virtual void on_checkpoint(Trainer& trainer);
  /// Also when fit ends by an exception.
  virtual void on_fit_end(Trainer& trainer);

  /// What a resumed run needs, by name.
  virtual std::map<std::string, Tensor> state() const;
  /// Takes over such a state. Throws CheckpointError for one that does not fit, before anything is
  /// changed.
  virtual void load_state(const std::map<std::string, Tensor>& state,
                          Where where = Where::current());

 protected:
  /// The line that added it to a trainer, for errors.
  Where where() const { return where_; }

 private:
  friend class Trainer;
  Where where_ = Where::current();
};

}  // namespace tenon
