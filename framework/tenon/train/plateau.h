#pragma once

#include <map>
#include <string>

#include "tenon/optim/schedule_plateau.h"
#include "tenon/train/callback.h"

namespace tenon {

struct PlateauOptions {
  std::string figure = "validation_loss";
  optim::ReduceOnPlateauOptions reduce = {};
};

/// Lowers the optimizer's learning rate when a figure of the epochs has stopped improving
/// (optim::ReduceOnPlateau).
///   trainer.add<Plateau>(PlateauOptions{.reduce = {.learning_rate = 0.1, .patience = 3}});
class Plateau : public Callback {
 public:
  /// Throws DataError for options out of range.
  explicit Plateau(const PlateauOptions& options = {}, Where where = Where::current());

  /// Throws DataError for a trainer with a schedule, which would overwrite the learning rate.
  void on_fit_begin(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer, const Logs& logs) override;
  std::map<std::string, Tensor> state() const override { return reduce_.state(); }
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override {
    reduce_.load_state(state, where);
  }

 private:
  std::string figure_;
  optim::ReduceOnPlateau reduce_;
};

}  // namespace tenon
