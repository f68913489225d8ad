#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tenon/core/function.h"
#include "tenon/data/dataset.h"
#include "tenon/nn/module.h"
#include "tenon/train/loss.h"
#include "tenon/train/shards.h"

namespace tenon {

/// How batches are cut, 0 for not at all, and why.
struct ShardChoice {
  std::int64_t shard_size;
  std::string reason;
};

struct PassOptions {
  std::int64_t shard_size = 0;
  BatchNormInShards batch_norm = BatchNormInShards::error;
  /// What the gradients are divided by; the total weight if it is 0.
  double divisor = 0;
};

/// A model and its loss: runs them on batches, whole or in shards.
class ModelRunner {
 public:
  ModelRunner(nn::Module& model, Loss loss) : model_(model), loss_(std::move(loss)) {}
  void set_forward(Function<Tensor(const Tensor& inputs)> forward) {
    forward_ = std::move(forward);
  }
  nn::Module& model() const { return model_; }
  const Loss& loss() const { return loss_; }

  /// Decides by the loss, the modules, and what they keep of a part of `batch`.
  ShardChoice choose_shards(const data::Batch& batch, Where where);

  /// Adds the gradients of the loss to the parameters. `observe` gets the outputs, without history,
  /// and their targets, in the order of the samples, when that has succeeded.
  LossTotal backward(const data::Batch& batch, const PassOptions& options,
                     FunctionRef<void(const Tensor& outputs, const Tensor& targets)> observe,
                     Where where);
  /// The outputs, unrecorded, in the mode that the modules are in.
  Tensor predict(const Tensor& inputs, std::int64_t shard_size, Where where);
  /// Their loss, unrecorded.
  LossTotal loss_of(const Tensor& outputs, const Tensor& targets, Where where);

 private:
  Tensor run(const Tensor& inputs, Where where);
  /// Throws unless the sum is one floating element.
  LossSum checked_loss(const Tensor& outputs, const Tensor& targets, Where where);

  nn::Module& model_;
  Loss loss_;
  Function<Tensor(const Tensor&)> forward_;
};

}  // namespace tenon
