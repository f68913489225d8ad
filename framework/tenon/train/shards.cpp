#include "tenon/train/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tenon/autograd/backward_internal.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/autograd/node_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/shape.h"
#include "tenon/train/gradient_sets_internal.h"
#include "tenon/train/shard_run_internal.h"

namespace tenon {
namespace {

constexpr const char* kOperation = "backward_in_shards";

std::vector<Tensor> trainable(const ParameterList& parameters, Where where) {
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : parameters) {
    check_defined(kOperation, name.c_str(), tensor, where);
    const bool is_known = std::any_of(
        tensors.begin(), tensors.end(),
        [&tensor = tensor](const Tensor& known) { return known.impl() == tensor.impl(); });
    if (tensor.requires_grad() && !is_known) tensors.push_back(tensor);
  }
  if (tensors.empty()) Fault(kOperation, where).raise<GradientError>("no parameter requires grad");
  return tensors;
}

data::Batch slice_batch(const data::Batch& batch, std::int64_t start, std::int64_t stop) {
  const SliceOptions range = {.start = start, .stop = stop};
  return {slice(batch.inputs, 0, range),
          batch.targets.defined() ? slice(batch.targets, 0, range) : Tensor()};
}

void check_loss(const Tensor& loss, Where where) {
  check_floating(kOperation, loss, where, "the loss");
  if (loss.numel() != 1)
    Fault(kOperation, where)
        .operand("loss", loss)
        .fix("Sum it over the samples, with {.reduction = Reduction::sum} or sum(...).")
        .raise<ShapeError>(
            fmt::format("the loss of a shard must be a scalar, not {} elements", loss.numel()));
}

void scale(GradientSet& sums, double factor) {
  const NoGradGuard no_grad;
  for (Tensor& sum : sums)
    if (sum.defined()) sum = sum * factor;
}

/// Adds the sums to grad() of the parameters as backward() does: hooks run, an existing gradient is
/// added to; to none when a hook throws.
void add_to_leaves(const std::vector<Tensor>& parameters, GradientSet sums, Where where) {
  const NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!sums[i].defined()) continue;
    if (detail::anomaly_checked()) detail::check_anomaly(kOperation, &sums[i], 1, where);
    sums[i] = apply_hooks(*node_of(parameters[i]), 0, std::move(sums[i]));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (sums[i].defined()) add_to_leaf(*node_of(parameters[i]), std::move(sums[i]), false);
}

void check_targets(const data::Batch& batch, std::int64_t samples, Where where) {
  if (!batch.targets.defined() || (batch.targets.rank() > 0 && batch.targets.shape()[0] == samples))
    return;
  Fault(kOperation, where)
      .operand("inputs", batch.inputs)
      .operand("targets", batch.targets)
      .fix("Cut both from the same samples: a shard takes the same rows of each.")
      .raise<ShapeError>("inputs and targets have different numbers of samples on axis 0");
}

/// The sums over all shards; `divisor` 0 divides the gradients by the total weight.
LossTotal run_backward(const data::Batch& batch, const ParameterList& parameters,
                       FunctionRef<LossSum(const data::Batch&)> loss_sum, const ShardCut& cut,
                       double divisor, const ShardOptions& options, Where where) {
  check_targets(batch, cut.samples, where);
  if (options.divisor != kBatchSize && !(options.divisor > 0))
    Fault(kOperation, where)
        .raise<Error>(fmt::format("divisor must be above 0 but is {}", options.divisor));
  if (!is_recording())
    Fault(kOperation, where)
        .fix("Call it outside of the NoGradGuard.")
        .raise<GradientError>("nothing is recorded here, so there would be no gradients");
  const std::vector<Tensor> leaves = trainable(parameters, where);
  NodeIds::renew();
  const std::uint64_t first_id = NodeIds::next(0);

  struct Shard {
    double sum, weight;
    bool has_history;
  };
  std::vector<GradientSet> sets(static_cast<std::size_t>(cut.groups()));
  std::vector<Shard> shards(static_cast<std::size_t>(cut.shards()));
  const auto run_shard = [&](std::int64_t group, std::int64_t shard) {
    const LossSum loss =
        loss_sum(slice_batch(batch, cut.first_sample(shard), cut.end_sample(shard)));
    check_loss(loss.sum, where);
    shards[static_cast<std::size_t>(shard)] = {loss.sum.item<double>(), loss.weight,
                                               loss.sum.requires_grad()};
    GradientSet& set = sets[static_cast<std::size_t>(group)];
    set.resize(leaves.size());
    if (!loss.sum.requires_grad()) return;
    const Tensor seed = Tensor::full(loss.sum.shape(), divisor > 0 ? 1 / divisor : 1.0,
                                     {.dtype = loss.sum.dtype()});
    add_to_set(set, leaves,
               gradients_of_own_graph(kOperation, loss.sum, seed, leaves, first_id, where));
  };
  std::vector<nn::ShardContext> contexts =
      run_shard_groups(cut, options.batch_norm == BatchNormInShards::per_shard, run_shard);

  nn::check_noise_calls(contexts, where);
  if (std::none_of(shards.begin(), shards.end(),
                   [](const Shard& shard) { return shard.has_history; }))
    Fault(kOperation, where)
        .raise<GradientError>("the loss of no shard depends on anything that requires grad");
  LossTotal total;
  for (const Shard& shard : shards) total += {shard.sum, shard.weight};
  if (divisor == 0) check_total_weight(kOperation, total.weight, where);
  GradientSet sums = sum_of_sets(std::move(sets));
  if (divisor == 0) scale(sums, 1 / total.weight);
  add_to_leaves(leaves, std::move(sums), where);
  nn::apply_shards(contexts, where);
  return total;
}

}  // namespace

double backward_in_shards(const data::Batch& batch, const ParameterList& parameters,
                          FunctionRef<Tensor(const data::Batch&)> loss_sum,
                          const ShardOptions& options, Where where) {
  const ShardCut cut = cut_into_shards(kOperation, batch.inputs, options.shard_size, where);
  const double divisor =
      options.divisor == kBatchSize ? static_cast<double>(cut.samples) : options.divisor;
  const auto unweighted = [&](const data::Batch& shard) { return LossSum{loss_sum(shard), 0}; };
  return run_backward(batch, parameters, unweighted, cut, divisor, options, where).sum / divisor;
}

LossTotal backward_in_shards(const data::Batch& batch, const ParameterList& parameters,
                             FunctionRef<LossSum(const data::Batch&)> loss_sum,
                             const ShardOptions& options, Where where) {
  const ShardCut cut = cut_into_shards(kOperation, batch.inputs, options.shard_size, where);
  const double divisor = options.divisor == kBatchSize ? 0 : options.divisor;
  return run_backward(batch, parameters, loss_sum, cut, divisor, options, where);
}

Tensor forward_in_shards(FunctionRef<Tensor(const Tensor& shard)> model, const Tensor& inputs,
                         ForwardInShardsOptions options, Where where) {
  const NoGradGuard no_grad;
  const ShardCut cut = cut_into_shards("forward_in_shards", inputs, options.shard_size, where);
  std::vector<Tensor> outputs(static_cast<std::size_t>(cut.shards()));
  const auto run_shard = [&](std::int64_t, std::int64_t shard) {
    const std::int64_t first = cut.first_sample(shard);
    const std::int64_t end = cut.end_sample(shard);
    const Tensor y = model(slice(inputs, 0, {.start = first, .stop = end}));
    if (!y.defined() || y.rank() == 0 || y.shape()[0] != end - first)
      Fault("forward_in_shards", where)
          .operand("output", y)
          .raise<ShapeError>(fmt::format(
              "the model's output for {} samples does not have them on axis 0", end - first));
    outputs[static_cast<std::size_t>(shard)] = y;
  };
  std::vector<nn::ShardContext> contexts = run_shard_groups(cut, false, run_shard);
  nn::check_noise_calls(contexts, where);
  nn::apply_shards(contexts, where);
  return concat(outputs, 0, where);
}

Tensor forward_in_shards(nn::Module& model, const Tensor& inputs, ForwardInShardsOptions options,
                         Where where) {
  return forward_in_shards([&](const Tensor& shard) { return model(shard, where); }, inputs,
                           options, where);
}

}  // namespace tenon
