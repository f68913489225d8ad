#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tenon/train/callback.h"

namespace tenon {

/// Writes down, for `tenon report`, what the history of a run does not have: how fast its epochs
/// were, and how the values of the parameters and their gradients were spread.
///   trainer.add<RunRecorder>();
/// A checkpoint has it below "callbacks/RunRecorder/", a row an epoch:
///   seconds                    f64 [epochs]         of the training; validation is not in them
///   samples_per_second         f64 [epochs]
///   parameters/<name>/range    f64 [epochs, 2]      least and greatest value at the epoch's end
///   parameters/<name>/counts   i64 [epochs, kBins]  values in each of kBins equal parts of the
///                                                   range; the last part has its upper end, too
///   gradients/<name>/...       the same of grad() after the backward pass of the last batch
/// Values that are not finite are in no part. Where no value is finite, or there is no gradient,
/// the range is NaN. Of equal values all are in the first part.
class RunRecorder : public Callback {
 public:
  static constexpr std::int64_t kBins = 32;

  /// Throws CheckpointError when what was taken over is of another model.
  void on_fit_begin(Trainer& trainer) override;
  void on_epoch_begin(Trainer& trainer) override;
  void on_backward_end(Trainer& trainer, const data::Batch& batch, const LossTotal& loss) override;
  void on_batch_end(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer, const Logs& logs) override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

 private:
  /// Histograms of one tensor, a row each.
  struct Rows {
    std::vector<double> range;
    std::vector<std::int64_t> counts;

    void add(const Tensor& values);
    void add(const Rows& others);
  };

  std::vector<double> seconds_;
  std::vector<double> samples_per_second_;
  std::map<std::string, Rows> histograms_;  // "parameters/conv1.weight"
  std::map<std::string, Rows> gradients_;   // of the last batch, "gradients/conv1.weight"
  double epoch_seconds_ = 0;                // of the epoch that runs, up to its last batch so far
  double seconds_before_ = 0;               // of them, those before it was resumed
  double start_ = 0;
};

}  // namespace tenon
