#include "tenon/optim/rmsprop.h"

#include "tenon/kernels/optimizer.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {
namespace {

RMSpropOptions checked(const RMSpropOptions& options, Where where) {
  check_not_negative("RMSprop", "learning_rate", options.learning_rate, where);
  check_decay("RMSprop", "alpha", options.alpha, where);
  check_not_negative("RMSprop", "epsilon", options.epsilon, where);
  check_not_negative("RMSprop", "weight_decay", options.weight_decay, where);
  check_not_negative("RMSprop", "momentum", options.momentum, where);
  return options;
}

}  // namespace

RMSprop::RMSprop(const ParameterList& parameters, RMSpropOptions options, Where where)
    : Optimizer(parameters, checked(options, where).learning_rate, where), options_{options} {}

void RMSprop::add_group(const ParameterList& parameters, RMSpropOptions options, Where where) {
  Optimizer::add_group(parameters, checked(options, where).learning_rate, where);
  options_.push_back(options);
}

void RMSprop::init(const Tensor& parameter, Slots& slots) {
  const RMSpropOptions& options = options_[group()];
  slots["square_mean"] = zeros_like(parameter);
  if (options.centered) slots["mean"] = zeros_like(parameter);
  if (options.momentum != 0) slots["momentum"] = zeros_like(parameter);
}

void RMSprop::update(Tensor& parameter, const Tensor& gradient, Slots& slots,
                     double learning_rate) {
  const RMSpropOptions& options = options_[group()];
  Tensor no_mean, no_momentum;
  kernels::rmsprop_update(parameter, gradient, slots["square_mean"],
                          options.centered ? slots["mean"] : no_mean,
                          options.momentum != 0 ? slots["momentum"] : no_momentum,
                          {.learning_rate = learning_rate,
                           .alpha = options.alpha,
                           .epsilon = options.epsilon,
                           .weight_decay = options.weight_decay,
                           .momentum = options.momentum});
}

}  // namespace tenon::optim
