#pragma once

#include "tenon/core/where.h"
#include "tenon/train/callback.h"

namespace tenon {

/// Stops training after some time; a Checkpointer then saves where it was.
class TimeLimit : public Callback {
 public:
  /// Throws DataError for a time that is not above 0.
  explicit TimeLimit(double seconds, Where where = Where::current());

  void on_fit_begin(Trainer& trainer) override;
  void on_batch_end(Trainer& trainer) override;

 private:
  double seconds_;
  double start_seconds_ = 0;
};

}  // namespace tenon
