#include "tenon/nn/batch_norm.h"

#include <fmt/format.h>

#include "tenon/autograd/grad_mode.h"
#include "tenon/nn/layer_internal.h"
#include "tenon/nn/shard_context_internal.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/norm.h"

namespace tenon::nn {

BatchNorm::BatchNorm(const char* layer, std::int64_t channels, const BatchNormOptions& options,
                     Where where)
    : options_(options) {
  where = detail::construction_site(where);
  check_at_least(layer, "channels", channels, 1, where);
  if (!(options.momentum >= 0 && options.momentum <= 1))
    Fault(layer, where)
        .raise<ShapeError>(fmt::format("momentum must be in [0, 1] but is {}", options.momentum));
  if (!(options.epsilon >= 0))
    Fault(layer, where)
        .raise<ShapeError>(fmt::format("epsilon must be at least 0 but is {}", options.epsilon));
  if (options.affine) {
    weight_ = &register_parameter({"weight", where}, Tensor::ones({channels}, {}, where));
    bias_ = &register_parameter({"bias", where}, Tensor::zeros({channels}, {}, where));
  }
  running_mean_ = &register_buffer({"running_mean", where}, Tensor::zeros({channels}, {}, where));
  running_var_ = &register_buffer({"running_var", where}, Tensor::ones({channels}, {}, where));
}

Tensor BatchNorm::forward(const Tensor& x) {
  const Where where = call_site();
  const std::int64_t channels = running_mean_->numel();
  check_rank(x, where);
  if (x.shape()[1] != channels)
    Fault("batch_norm", where)
        .operand("x", x, "N, C, ...")
        .raise<ShapeError>(fmt::format("x has {} channels but {} was made for {}", x.shape()[1],
                                       type_name(), channels));
  if (!is_training())
    return batch_norm_inference(x, *running_mean_, *running_var_, weight(), bias(),
                                {.epsilon = options_.epsilon}, where);

  ShardContext* shard = shard_context();
  if (shard && !shard->per_shard_batch_norm)
    Fault("batch_norm", where)
        .operand("x", x, "N, C, ...")
        .fix(
            "Pass {.batch_norm = BatchNormInShards::per_shard} to normalise each shard by its own "
            "statistics, or freeze "
            "the layer's with set_training(false).")
        .raise<Error>(fmt::format(
            "batch normalisation couples the samples of a batch, but a shard holds {} of {}",
            shard->samples, shard->batch_samples));
  const std::int64_t count = x.numel() / channels;
  if (count < 2)
    Fault("batch_norm", where)
        .operand("x", x, "N, C, ...")
        .fix("Give it a larger batch, or call set_training(false) to use the running statistics.")
        .raise<ShapeError>(
            fmt::format("training needs more than one value a channel, x has {}", count));

  const BatchNormResult result =
      batch_norm(x, weight(), bias(), {.epsilon = options_.epsilon}, where);
  const NoGradGuard no_grad;
  const Tensor unbiased =
      result.variance * (static_cast<double>(count) / static_cast<double>(count - 1));
  if (shard)
    shard->statistics.push_back({this, options_.momentum, count, result.mean, unbiased});
  else
    update_running_statistics(*this, options_.momentum, result.mean, unbiased);
  return result.y;
}

void BatchNorm1d::check_rank(const Tensor& x, Where where) const {
  if (x.rank() != 2 && x.rank() != 3)
    Fault("batch_norm", where)
        .operand("x", x)
        .raise<ShapeError>(
            fmt::format("BatchNorm1d takes x [N, C] or [N, C, L], not rank {}", x.rank()));
}

void BatchNorm2d::check_rank(const Tensor& x, Where where) const {
  if (x.rank() != 4)
    Fault("batch_norm", where)
        .operand("x", x)
        .raise<ShapeError>(fmt::format("BatchNorm2d takes x [N, C, H, W], not rank {}", x.rank()));
}

}  // namespace tenon::nn
