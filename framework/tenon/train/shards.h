#pragma once

#include <cstdint>

#include "tenon/core/function.h"
#include "tenon/data/dataset.h"
#include "tenon/nn/module.h"
#include "tenon/train/loss.h"

namespace tenon {

/// What training-mode batch normalisation does in a shard, where it cannot see the batch.
enum class BatchNormInShards : std::uint8_t {
  error,      ///< throw
  per_shard,  ///< normalise each shard by its own statistics; the running ones move once, by the
              ///< shards' average
};

/// The divisor that is the number of samples in the batch, or the total weight of a LossSum.
inline constexpr double kBatchSize = -1;

struct ShardOptions {
  std::int64_t shard_size =
      16;  ///< samples; the last shard may have fewer. The bits of the result depend on it.
  /// What the sum of the losses is divided by: less than the batch size where samples are ignored,
  /// the sum of the weights where they have some.
  double divisor = kBatchSize;
  BatchNormInShards batch_norm = BatchNormInShards::error;
};

/// One training step on all threads: cuts the batch into shards of consecutive samples (along axis
/// 0), calls `loss_sum` for each, on several threads at once, and adds the gradient of the sum of
/// all losses / divisor to grad() of each parameter that requires grad. Returns that mean loss.
///   backward_in_shards(batch, model.parameters(), [&](const data::Batch& shard) {
///     return cross_entropy(model(shard.inputs), shard.targets, {.reduction = Reduction::sum});
///   });
/// - The result has the same bits for any number of threads: consecutive shards form at most 16
/// groups, a number that
///   depends on the batch alone; a group adds its shards' gradients in order, and the groups are
///   added in order.
/// - `loss_sum` returns a tensor of one element, the sum (not the mean) over its samples. It must
/// compute everything
///   from the parameters, the shard and constants: GradientError for a result that was recorded
///   before the call.
/// - Each shard runs on one thread, with the caller's AnomalyGuard and module path. Module hooks
/// run there; tensor
///   hooks of parameters run once, on the whole gradient.
/// - Dropout has the masks of the whole batch; buffer updates are applied in the order of the
/// shards.
/// - The first exception of a shard (in their order) is rethrown; gradients and buffers are then as
/// they were. Throws ShapeError for an empty batch, GradientError when no parameter requires grad
/// or nothing is recorded.
double backward_in_shards(const data::Batch& batch, const ParameterList& parameters,
                          FunctionRef<Tensor(const data::Batch& shard)> loss_sum,
                          const ShardOptions& options = {}, Where where = Where::current());

/// The same for losses with weights: the divisor is the sum of the shards' weights unless it is
/// given. With 1 the gradients of sums are added, so that several batches can make one step.
/// Throws DataError where a total weight that is not above 0 is to divide.
LossTotal backward_in_shards(const data::Batch& batch, const ParameterList& parameters,
                             FunctionRef<LossSum(const data::Batch& shard)> loss_sum,
                             const ShardOptions& options = {}, Where where = Where::current());

struct ForwardInShardsOptions {
  std::int64_t shard_size = 16;
};
/// model(inputs), unrecorded, in shards along axis 0 on all threads: for inference. `model` is a
/// module, or a function that several threads may call.
Tensor forward_in_shards(nn::Module& model, const Tensor& inputs,
                         ForwardInShardsOptions options = {}, Where where = Where::current());
Tensor forward_in_shards(FunctionRef<Tensor(const Tensor& shard)> model, const Tensor& inputs,
                         ForwardInShardsOptions options = {}, Where where = Where::current());

}  // namespace tenon
