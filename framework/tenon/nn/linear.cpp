#include "tenon/nn/linear.h"

#include "tenon/nn/init.h"
#include "tenon/nn/layer_internal.h"
#include "tenon/ops/linear.h"

namespace tenon::nn {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, Rng& rng, LinearOptions options,
               Where where)
    : activation_(options.activation) {
  where = detail::construction_site(where);
  check_at_least("Linear", "in_features", in_features, 1, where);
  check_at_least("Linear", "out_features", out_features, 1, where);
  weight_ =
      &register_parameter({"weight", where}, Tensor::empty({out_features, in_features}, {}, where));
  init::glorot_uniform(*weight_, rng, {}, where);
  if (options.bias)
    bias_ = &register_parameter({"bias", where}, Tensor::zeros({out_features}, {}, where));
}

Tensor Linear::forward(const Tensor& x) {
  return linear(x, *weight_, bias(), {.activation = activation_}, call_site());
}

std::int64_t Linear::multiply_adds(const Shape&, const Shape& y) const {
  return y.numel() * weight_->size(1);
}

std::string Linear::details() const {
  return activation_ == Activation::none ? "" : std::string(to_string(activation_));
}

}  // namespace tenon::nn
