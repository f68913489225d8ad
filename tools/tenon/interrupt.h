#pragma once

#include <tenon/train/callback.h>

namespace tenon::cli {

/// From its making to the end of fit, the first Ctrl-C (SIGINT, or SIGTERM) stops fit after the
/// batch that runs, so that a Checkpointer saves it; the second ends the process at once.
class StopOnInterrupt : public Callback {
 public:
  StopOnInterrupt();
  void on_batch_end(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer, const Logs& logs) override;
  void on_fit_end(Trainer& trainer) override;

  bool was_interrupted() const;
};

}  // namespace tenon::cli
