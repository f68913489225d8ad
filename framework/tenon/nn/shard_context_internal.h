#pragma once

#include <cstdint>
#include <vector>

#include "tenon/nn/module.h"

namespace tenon::nn {

/// A change of a buffer that waits for the end of a sharded call.
struct BufferUpdate {
  Module* module;
  std::string buffer;
  Function<Tensor(const Tensor&)> next;
};

/// How often a layer drew noise in one shard.
struct NoiseCalls {
  Module* module;
  std::int64_t calls = 0;
};

/// What one call of a batch normalisation saw in one shard.
struct NormStatistics {
  Module* module;
  double momentum;
  std::int64_t count;  ///< values a channel
  Tensor mean;
  Tensor variance;  ///< unbiased
};

/// What modules know and leave behind while a thread runs one shard of a batch.
struct ShardContext {
  std::int64_t first_sample = 0;
  std::int64_t samples = 0;
  std::int64_t batch_samples = 0;
  bool per_shard_batch_norm = false;
  std::vector<BufferUpdate> updates;
  std::vector<NoiseCalls> noise;
  std::vector<NormStatistics> statistics;

  /// The number of this call of `module`'s noise within the shard: 0, 1, ...
  std::int64_t next_noise_call(Module& module);
};

/// This thread's; null outside of shards.
ShardContext* shard_context() noexcept;

/// While it lives, modules of this thread see and write `context`.
class ShardContextScope {
 public:
  explicit ShardContextScope(ShardContext& context) noexcept;
  ~ShardContextScope();
  ShardContextScope(const ShardContextScope&) = delete;
  ShardContextScope& operator=(const ShardContextScope&) = delete;

 private:
  ShardContext* previous_;
};

/// Throws an Error unless each layer drew noise equally often in every shard.
void check_noise_calls(const std::vector<ShardContext>& shards, Where where);

/// Applies what the shards left behind, in their order: buffer updates, noise counters (once), and
/// the average of the shards' batch statistics (once a call).
void apply_shards(std::vector<ShardContext>& shards, Where where);

/// running = (1 - momentum) * running + momentum * new, for both.
void update_running_statistics(Module& module, double momentum, const Tensor& mean,
                               const Tensor& variance);

}  // namespace tenon::nn
