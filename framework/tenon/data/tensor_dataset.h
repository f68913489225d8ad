#pragma once

#include "tenon/data/dataset.h"

namespace tenon::data {

/// Samples that lie in memory: sample i is inputs[i] with targets[i]. Batches keep the dtypes.
class TensorDataset : public Dataset {
 public:
  /// inputs [N, ...]; targets [N, ...] or none; any dtypes. Shares their storage (rows) or copies.
  /// Throws ShapeError.
  explicit TensorDataset(const Tensor& inputs, const Tensor& targets = {},
                         Where where = Where::current());

  Tensor inputs() const;
  Tensor targets() const;
};

}  // namespace tenon::data
