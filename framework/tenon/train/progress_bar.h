#pragma once

#include <cstdint>
#include <string>

#include "tenon/train/callback.h"
#include "tenon/train/progress.h"

namespace tenon {

/// One line an epoch on standard output, updated in place on a terminal: the figures so far,
/// samples a second, and how long the rest will take; at the end of the epoch those of validation
/// too.
class ProgressBar : public Callback {
 public:
  void on_fit_begin(Trainer& trainer) override;
  void on_epoch_begin(Trainer& trainer) override;
  void on_batch_end(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer, const Logs& logs) override;
  void on_fit_end(Trainer& trainer) override;

 private:
  /// Samples of the whole run that were seen.
  static std::int64_t samples_of_run(const Trainer& trainer);

  ProgressLine line_;
  double run_start_ = 0;  ///< seconds
  double epoch_start_ = 0;
  std::int64_t samples_before_run_ = 0;
  std::int64_t samples_before_epoch_ = 0;
  std::string speed_;  ///< of the epoch, after its last batch
};

}  // namespace tenon
