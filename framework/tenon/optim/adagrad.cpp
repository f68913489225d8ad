#include "tenon/optim/adagrad.h"

#include "tenon/kernels/optimizer.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {
namespace {

AdagradOptions checked(const AdagradOptions& options, Where where) {
  constexpr const char* kName = "Adagrad";
  check_not_negative(kName, "learning_rate", options.learning_rate, where);
  check_not_negative(kName, "lr_decay", options.lr_decay, where);
  check_not_negative(kName, "weight_decay", options.weight_decay, where);
  check_not_negative(kName, "initial_accumulator_value", options.initial_accumulator_value, where);
  check_not_negative(kName, "epsilon", options.epsilon, where);
  return options;
}

}  // namespace

Adagrad::Adagrad(const ParameterList& parameters, AdagradOptions options, Where where)
    : Optimizer(parameters, checked(options, where).learning_rate, where), options_{options} {}

void Adagrad::add_group(const ParameterList& parameters, AdagradOptions options, Where where) {
  Optimizer::add_group(parameters, checked(options, where).learning_rate, where);
  options_.push_back(options);
}

void Adagrad::init(const Tensor& parameter, Slots& slots) {
  slots["square_sum"] = full_like(parameter, options_[group()].initial_accumulator_value);
}

void Adagrad::update(Tensor& parameter, const Tensor& gradient, Slots& slots,
                     double learning_rate) {
  const AdagradOptions& options = options_[group()];
  const auto earlier_updates = static_cast<double>(update_number() - 1);
  kernels::adagrad_update(
      parameter, gradient, slots["square_sum"],
      {.learning_rate = learning_rate / (1 + earlier_updates * options.lr_decay),
       .weight_decay = options.weight_decay,
       .epsilon = options.epsilon});
}

}  // namespace tenon::optim
