#include "tenon/optim/lion.h"

#include "tenon/kernels/optimizer.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {
namespace {

LionOptions checked(const LionOptions& options, Where where) {
  check_not_negative("Lion", "learning_rate", options.learning_rate, where);
  check_decay("Lion", "beta1", options.beta1, where);
  check_decay("Lion", "beta2", options.beta2, where);
  check_not_negative("Lion", "weight_decay", options.weight_decay, where);
  return options;
}

}  // namespace

Lion::Lion(const ParameterList& parameters, LionOptions options, Where where)
    : Optimizer(parameters, checked(options, where).learning_rate, where), options_{options} {}

void Lion::add_group(const ParameterList& parameters, LionOptions options, Where where) {
  Optimizer::add_group(parameters, checked(options, where).learning_rate, where);
  options_.push_back(options);
}

void Lion::init(const Tensor& parameter, Slots& slots) {
  slots["momentum"] = zeros_like(parameter);
}

void Lion::update(Tensor& parameter, const Tensor& gradient, Slots& slots, double learning_rate) {
  const LionOptions& options = options_[group()];
  kernels::lion_update(parameter, gradient, slots["momentum"],
                       {.learning_rate = learning_rate,
                        .beta1 = options.beta1,
                        .beta2 = options.beta2,
                        .shrink = learning_rate * options.weight_decay});
}

}  // namespace tenon::optim
