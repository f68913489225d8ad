#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tenon/train/callback.h"
#include "tenon/train/monitor.h"

namespace tenon {

struct EarlyStoppingOptions {
  Monitor monitor = {};
  std::int64_t patience = 0;  ///< epochs without improvement that are borne
  /// Puts the parameters and buffers of the best epoch back when training stops early.
  bool restore_best = false;
};

/// Stops training when a figure of the epochs has not improved for more than `patience` epochs.
///   trainer.add<EarlyStopping>(EarlyStoppingOptions{.patience = 3, .restore_best = true});
/// A run whose logs lack the figure ends with an Error that lists those there are.
class EarlyStopping : public Callback {
 public:
  /// Throws DataError for options below 0.
  explicit EarlyStopping(EarlyStoppingOptions options = {}, Where where = Where::current());

  /// Stops a run at once that had stopped for this reason before it was saved. Throws DataError for
  /// restore_best together with an average of the weights, whose figures are not those of the
  /// weights that would be put back.
  void on_fit_begin(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer, const Logs& logs) override;
  void on_fit_end(Trainer& trainer) override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

  /// The best value and its epoch, counted from 0; -1 before there was one.
  double best() const { return best_; }
  std::int64_t best_epoch() const { return best_epoch_; }

 private:
  EarlyStoppingOptions options_;
  double best_;
  std::int64_t best_epoch_ = -1;
  std::int64_t waited_ = 0;
  std::map<std::string, Tensor> best_model_;

  void stop_if_due(Trainer& trainer) const;
};

}  // namespace tenon
