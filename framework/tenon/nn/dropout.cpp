#include "tenon/nn/dropout.h"

#include <fmt/format.h>

#include "tenon/nn/layer_internal.h"
#include "tenon/nn/shard_context_internal.h"
#include "tenon/ops/dropout.h"

namespace tenon::nn {

Dropout::Dropout(double p, Rng& rng, Where where) : p_(p) {
  where = detail::construction_site(where);
  if (!(p >= 0 && p <= 1))
    Fault("Dropout", where).raise<DataError>(fmt::format("p must be in [0, 1] but is {}", p));
  key_ = &register_buffer({"key", where}, Tensor::from(static_cast<std::int64_t>(rng.next())));
  calls_ = &register_buffer({"calls", where}, Tensor::from(std::int64_t{0}));
}

Tensor Dropout::forward(const Tensor& x) {
  if (!is_training()) return x;
  const auto calls = calls_->item<std::int64_t>();
  DropoutNoise noise{.key = static_cast<std::uint64_t>(key_->item<std::int64_t>()),
                     .call = static_cast<std::uint64_t>(calls)};
  if (ShardContext* shard = shard_context()) {
    if (shard->samples == 0 || x.numel() % shard->samples != 0)
      Fault("dropout", call_site())
          .operand("x", x)
          .fix("Keep the samples on axis 0.")
          .raise<ShapeError>(
              fmt::format("x does not consist of the {} samples of this shard", shard->samples));
    noise.call += static_cast<std::uint64_t>(shard->next_noise_call(*this));
    noise.first_element = shard->first_sample * (x.numel() / shard->samples);
  } else {
    update_buffer("calls", [calls](const Tensor&) { return Tensor::from(calls + 1); });
  }
  return dropout(x, p_, noise, call_site());
}

}  // namespace tenon::nn
