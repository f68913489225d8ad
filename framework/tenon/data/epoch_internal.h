#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/handle_internal.h"
#include "tenon/data/dataset.h"
#include "tenon/data/sampler_internal.h"

namespace tenon::data {

/// All that the batches of an epoch depend on; never changes, so any thread may read any batch.
struct EpochPlan final : RefCounted {
  explicit EpochPlan(const Dataset& dataset_in) : dataset(dataset_in) {}

  /// Batch `number` of the whole epoch.
  Batch read(std::int64_t number) const;

  Dataset dataset;
  std::vector<Transform> transforms;
  SampleOrder order;
  Rng stream{0};  // keyed by the seed and the epoch
  std::int64_t samples = 0;
  std::int64_t batch_size = 1;
  std::int64_t first_batch = 0, end_batch = 0;
  std::int64_t ahead = 0;    // batches read ahead
  std::int64_t threads = 0;  // that read them; 0: the caller's
  Where where = Where::current();
};

}  // namespace tenon::data
