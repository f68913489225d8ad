#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/random.h"
#include "tenon/data/transform_batch_internal.h"

namespace tenon::data {

/// Which samples an epoch goes over, in its order.
struct SampleOrder {
  std::vector<std::int64_t> indices;  // empty: as they lie in the dataset
  std::vector<std::int64_t> repeats;  // how often each came before; empty: none does

  SampleKey at(std::int64_t position) const {
    const auto i = static_cast<std::size_t>(position);
    return {indices.empty() ? position : indices[i], repeats.empty() ? 0 : repeats[i]};
  }
};

/// A random order of `count` samples.
SampleOrder shuffled_order(std::int64_t count, const Rng& epoch_stream);

/// `draws` samples, each drawn on its own with probability weight / sum of the weights.
/// `cumulative` holds the sums of the weights up to and including each.
SampleOrder weighted_order(const std::vector<double>& cumulative, std::int64_t draws,
                           const Rng& epoch_stream);

}  // namespace tenon::data
