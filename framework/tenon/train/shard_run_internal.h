#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/function.h"
#include "tenon/nn/shard_context_internal.h"

namespace tenon {

/// How a batch is cut: decided by the numbers of samples alone, never by threads.
struct ShardCut {
  std::int64_t samples;
  std::int64_t shard_size;

  std::int64_t shards() const { return (samples - 1) / shard_size + 1; }
  std::int64_t groups() const { return shards() < kMaxGroups ? shards() : kMaxGroups; }
  /// The first shard of a group; of groups(): shards().
  std::int64_t first_shard(std::int64_t group) const { return group * shards() / groups(); }
  std::int64_t first_sample(std::int64_t shard) const { return shard * shard_size; }
  std::int64_t end_sample(std::int64_t shard) const {
    return first_sample(shard) + shard_size < samples ? first_sample(shard) + shard_size : samples;
  }

  static constexpr std::int64_t kMaxGroups = 16;  // sets of gradients in memory at once
};

/// Throws ShapeError for a tensor without samples on axis 0, a shard size below 1, or a call from
/// inside a shard.
ShardCut cut_into_shards(const char* operation, const Tensor& inputs, std::int64_t shard_size,
                         Where where);

/// Throws DataError for a sum of weights that nothing can be divided by.
void check_total_weight(const char* operation, double weight, Where where);

/// Runs body(group, shard) for all shards: a group's in order on one thread, groups in parallel,
/// each with the caller's guards and module path, as a shard. Returns what modules left behind,
/// shard by shard. Rethrows the exception of the first shard that failed, when all groups have
/// ended.
std::vector<nn::ShardContext> run_shard_groups(
    const ShardCut& cut, bool per_shard_batch_norm,
    FunctionRef<void(std::int64_t group, std::int64_t shard)> body);

}  // namespace tenon
