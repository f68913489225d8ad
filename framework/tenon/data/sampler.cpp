#include <algorithm>
#include <cmath>

#include "tenon/core/random_internal.h"
#include "tenon/core/tensor.h"
#include "tenon/data/sampler_internal.h"

namespace tenon::data {

SampleOrder shuffled_order(std::int64_t count, const Rng& epoch_stream) {
  Rng rng = epoch_stream;
  return {Tensor::randperm(count, rng).to_vector<std::int64_t>(), {}};
}

SampleOrder weighted_order(const std::vector<double>& cumulative, std::int64_t draws,
                           const Rng& epoch_stream) {
  SampleOrder order;
  order.indices.reserve(static_cast<std::size_t>(draws));
  order.repeats.reserve(static_cast<std::size_t>(draws));
  std::vector<std::int64_t> seen(cumulative.size());
  const double greatest = std::nextafter(cumulative.back(), 0.0);
  for (std::int64_t i = 0; i < draws; ++i) {
    const RandomBlock block = random_block(epoch_stream.key(), static_cast<std::uint64_t>(i / 2));
    // Below the sum, also where the product is rounded up to it. The first sum above is never that
    // of a weight 0.
    const double fraction = static_cast<double>(bits64(block, i % 2) >> 11) * 0x1p-53;
    const double at = std::min(fraction * cumulative.back(), greatest);
    const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), at);
    const auto index = static_cast<std::size_t>(found - cumulative.begin());
    order.indices.push_back(static_cast<std::int64_t>(index));
    order.repeats.push_back(seen[index]++);
  }
  return order;
}

}  // namespace tenon::data
