#include "tenon/optim/sgd.h"

#include "tenon/core/fault_internal.h"
#include "tenon/kernels/optimizer.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {
namespace {

SGDOptions checked(const SGDOptions& options, Where where) {
  check_not_negative("SGD", "learning_rate", options.learning_rate, where);
  check_not_negative("SGD", "momentum", options.momentum, where);
  check_not_negative("SGD", "weight_decay", options.weight_decay, where);
  if (!(options.dampening >= 0 && options.dampening <= 1))
    Fault("SGD", where).raise<DataError>("dampening must be in [0, 1]");
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0))
    Fault("SGD", where).raise<DataError>("nesterov needs a momentum above 0 and a dampening of 0");
  return options;
}

}  // namespace

SGD::SGD(const ParameterList& parameters, SGDOptions options, Where where)
    : Optimizer(parameters, checked(options, where).learning_rate, where), options_{options} {}

void SGD::add_group(const ParameterList& parameters, SGDOptions options, Where where) {
  Optimizer::add_group(parameters, checked(options, where).learning_rate, where);
  options_.push_back(options);
}

void SGD::init(const Tensor& parameter, Slots& slots) {
  if (options_[group()].momentum != 0) slots["momentum"] = zeros_like(parameter);
}

void SGD::update(Tensor& parameter, const Tensor& gradient, Slots& slots, double learning_rate) {
  const SGDOptions& options = options_[group()];
  Tensor without;
  kernels::sgd_update(parameter, gradient, options.momentum != 0 ? slots["momentum"] : without,
                      {.learning_rate = learning_rate,
                       .momentum = options.momentum,
                       .dampening = options.dampening,
                       .weight_decay = options.weight_decay,
                       .nesterov = options.nesterov,
                       .first = update_number() == 1});
}

}  // namespace tenon::optim
