#include "tenon/optim/nadam.h"

#include <cmath>

#include "tenon/kernels/optimizer.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {
namespace {

NAdamOptions checked(const NAdamOptions& options, Where where) {
  constexpr const char* kName = "NAdam";
  check_not_negative(kName, "learning_rate", options.learning_rate, where);
  check_decay(kName, "beta1", options.beta1, where);
  check_decay(kName, "beta2", options.beta2, where);
  check_not_negative(kName, "epsilon", options.epsilon, where);
  check_not_negative(kName, "weight_decay", options.weight_decay, where);
  check_not_negative(kName, "momentum_decay", options.momentum_decay, where);
  return options;
}

/// mu of update t: Dozat's warm-up of the momentum, from beta1 / 2 to beta1.
double momentum_of(const NAdamOptions& options, double t) {
  return options.beta1 * (1 - 0.5 * std::pow(0.96, t * options.momentum_decay));
}

}  // namespace

NAdam::NAdam(const ParameterList& parameters, NAdamOptions options, Where where)
    : Optimizer(parameters, checked(options, where).learning_rate, where), options_{options} {}

void NAdam::add_group(const ParameterList& parameters, NAdamOptions options, Where where) {
  Optimizer::add_group(parameters, checked(options, where).learning_rate, where);
  options_.push_back(options);
}

void NAdam::init(const Tensor& parameter, Slots& slots) {
  slots["first_moment"] = zeros_like(parameter);
  slots["second_moment"] = zeros_like(parameter);
  slots["momentum_product"] = Tensor::ones({}, {.dtype = Dtype::f64});
}

void NAdam::update(Tensor& parameter, const Tensor& gradient, Slots& slots, double learning_rate) {
  const NAdamOptions& options = options_[group()];
  const auto t = static_cast<double>(update_number());
  const double momentum = momentum_of(options, t), next_momentum = momentum_of(options, t + 1);
  Tensor& stored_product = slots["momentum_product"];
  const double product = stored_product.item<double>() * momentum;
  stored_product.fill(product);

  const bool decoupled = options.decoupled_weight_decay;
  kernels::nadam_update(
      parameter, gradient, slots["first_moment"], slots["second_moment"],
      {.gradient_step = learning_rate * (1 - momentum) / (1 - product),
       .moment_step = learning_rate * next_momentum / (1 - product * next_momentum),
       .root_correction = std::sqrt(1 - std::pow(options.beta2, t)),
       .beta1 = options.beta1,
       .beta2 = options.beta2,
       .epsilon = options.epsilon,
       .weight_decay = decoupled ? 0 : options.weight_decay,
       .shrink = decoupled ? learning_rate * options.weight_decay : 0});
}

}  // namespace tenon::optim
