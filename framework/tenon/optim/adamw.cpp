#include "tenon/optim/adamw.h"

#include "tenon/optim/adam_internal.h"

namespace tenon::optim {
namespace {

AdamOptions adam_options(const AdamWOptions& options, double weight_decay) {
  return {options.learning_rate, options.beta1, options.beta2,
          options.epsilon,       weight_decay,  options.amsgrad};
}

double checked_learning_rate(const AdamWOptions& options, Where where) {
  return check_adam_options("AdamW", adam_options(options, options.weight_decay), where)
      .learning_rate;
}

}  // namespace

AdamW::AdamW(const ParameterList& parameters, AdamWOptions options, Where where)
    : Optimizer(parameters, checked_learning_rate(options, where), where), options_{options} {}

void AdamW::add_group(const ParameterList& parameters, AdamWOptions options, Where where) {
  Optimizer::add_group(parameters, checked_learning_rate(options, where), where);
  options_.push_back(options);
}

void AdamW::init(const Tensor& parameter, Slots& slots) {
  init_adam_slots(parameter, slots, options_[group()].amsgrad);
}

void AdamW::update(Tensor& parameter, const Tensor& gradient, Slots& slots, double learning_rate) {
  const AdamWOptions& options = options_[group()];
  update_adam(parameter, gradient, slots, learning_rate, adam_options(options, 0),
              learning_rate * options.weight_decay, update_number());
}

}  // namespace tenon::optim
