#pragma once

#include "tenon/train/callback.h"

namespace tenon {

/// Stops training at a loss or gradient that is NaN or infinite, before it reaches the weights. The
/// reason names the first operation that produced one, and its line: the batch is computed once
/// more under an AnomalyGuard (dropout draws other noise then).
class NanStop : public Callback {
 public:
  void on_backward_end(Trainer& trainer, const data::Batch& batch, const LossTotal& loss) override;
};

}  // namespace tenon
