#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/memory_internal.h"
#include "tenon/nn/evaluation_scope_internal.h"
#include "tenon/nn/shard_context_internal.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/shape.h"
#include "tenon/train/model_runner_internal.h"
#include "tenon/train/shard_run_internal.h"

namespace tenon {
namespace {

constexpr const char* kOperation = "Trainer";
constexpr std::int64_t kShardSize = 16;
constexpr std::int64_t kUnsharded = 512;  // samples that are predicted at once

Tensor rows(const Tensor& x, std::int64_t first, std::int64_t end) {
  return x.defined() ? slice(x, 0, {.start = first, .stop = end}) : x;
}

std::string kilobytes(std::int64_t bytes) { return fmt::format("{} KB", (bytes + 512) / 1024); }

}  // namespace

Tensor ModelRunner::run(const Tensor& inputs, Where where) {
  return forward_ ? forward_(inputs) : model_(inputs, where);
}

LossSum ModelRunner::checked_loss(const Tensor& outputs, const Tensor& targets, Where where) {
  LossSum loss = loss_(outputs, targets, where);
  check_floating(kOperation, loss.sum, where, "the loss");
  if (loss.sum.numel() != 1)
    Fault(kOperation, where)
        .operand("loss", loss.sum)
        .fix("Reduce it, with sum(...) for a LossSum or mean(...) for a loss of the batch.")
        .raise<ShapeError>(
            fmt::format("the loss must be a scalar, not {} elements", loss.sum.numel()));
  return loss;
}

ShardChoice ModelRunner::choose_shards(const data::Batch& batch, Where where) {
  if (!loss_.adds_up()) return {0, "the loss is one of the batch, not a sum over samples"};
  for (const auto& [name, module] : model_.modules())
    if (module.couples_samples())
      return {0, fmt::format("{} couples the samples of a batch",
                             name.empty() ? module.type_name() : name)};
  std::int64_t gradients = 0;
  for (const auto& [name, tensor] : model_.parameters())
    if (tensor.requires_grad())
      gradients += tensor.numel() * static_cast<std::int64_t>(size_bytes(tensor.dtype()));

  const nn::EvaluationScope evaluation(model_);
  nn::ShardContext discarded;  // buffer updates wait here, for nobody
  const nn::ShardContextScope context(discarded);
  const std::int64_t before = thread_bytes();
  const std::int64_t samples = std::min(kShardSize, batch.size());
  const Tensor outputs = run(rows(batch.inputs, 0, samples), where);
  const std::int64_t kept = (thread_bytes() - before) * kShardSize / samples;
  const bool is_small = gradients < kept;
  return {is_small ? kShardSize : 0,
          fmt::format("a set of gradients ({}) is {} than what {} samples keep for the backward "
                      "pass ({})",
                      kilobytes(gradients), is_small ? "smaller" : "not smaller", kShardSize,
                      kilobytes(kept))};
}

LossTotal ModelRunner::backward(const data::Batch& batch, const PassOptions& options,
                                FunctionRef<void(const Tensor&, const Tensor&)> observe,
                                Where where) {
  if (options.shard_size <= 0) {
    const Tensor outputs = run(batch.inputs, where);
    const LossSum loss = checked_loss(outputs, batch.targets, where);
    const LossTotal total{loss.sum.item<double>(), loss.weight};
    const double divisor = options.divisor > 0 ? options.divisor : total.weight;
    check_total_weight(kOperation, divisor, where);
    (loss.sum / divisor).backward(where);
    observe(outputs.detach(), batch.targets);
    return total;
  }

  std::vector<Tensor> outputs(static_cast<std::size_t>(
      cut_into_shards(kOperation, batch.inputs, options.shard_size, where).shards()));
  const LossTotal total = backward_in_shards(
      batch, model_.parameters(),
      [&](const data::Batch& shard) {
        const Tensor y = run(shard.inputs, where);
        outputs[static_cast<std::size_t>(nn::shard_context()->first_sample / options.shard_size)] =
            y.detach();
        return checked_loss(y, shard.targets, where);
      },
      {.shard_size = options.shard_size,
       .divisor = options.divisor > 0 ? options.divisor : kBatchSize,
       .batch_norm = options.batch_norm},
      where);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::int64_t first = static_cast<std::int64_t>(i) * options.shard_size;
    observe(outputs[i],
            rows(batch.targets, first, std::min(first + options.shard_size, batch.size())));
  }
  return total;
}

Tensor ModelRunner::predict(const Tensor& inputs, std::int64_t shard_size, Where where) {
  const NoGradGuard no_grad;
  if (shard_size > 0)
    return forward_in_shards([&](const Tensor& shard) { return run(shard, where); }, inputs,
                             {.shard_size = shard_size}, where);
  const ShardCut cut = cut_into_shards("predict", inputs, kUnsharded, where);
  std::vector<Tensor> outputs;
  for (std::int64_t i = 0; i < cut.shards(); ++i)
    outputs.push_back(run(rows(inputs, cut.first_sample(i), cut.end_sample(i)), where));
  return outputs.size() == 1 ? outputs.front() : concat(outputs, 0, where);
}

LossTotal ModelRunner::loss_of(const Tensor& outputs, const Tensor& targets, Where where) {
  const NoGradGuard no_grad;
  const LossSum loss = checked_loss(outputs, targets, where);
  return {loss.sum.item<double>(), loss.weight};
}

}  // namespace tenon
