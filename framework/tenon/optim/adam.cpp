#include "tenon/optim/adam.h"

#include <cmath>

#include "tenon/kernels/optimizer.h"
#include "tenon/optim/adam_internal.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {

const AdamOptions& check_adam_options(const char* operation, const AdamOptions& options,
                                      Where where) {
  check_not_negative(operation, "learning_rate", options.learning_rate, where);
  check_decay(operation, "beta1", options.beta1, where);
  check_decay(operation, "beta2", options.beta2, where);
  check_not_negative(operation, "epsilon", options.epsilon, where);
  check_not_negative(operation, "weight_decay", options.weight_decay, where);
  return options;
}

void init_adam_slots(const Tensor& parameter, Slots& slots, bool amsgrad) {
  slots["first_moment"] = zeros_like(parameter);
  slots["second_moment"] = zeros_like(parameter);
  if (amsgrad) slots["largest_second_moment"] = zeros_like(parameter);
}

void update_adam(Tensor& parameter, const Tensor& gradient, Slots& slots, double learning_rate,
                 const AdamOptions& options, double shrink, std::int64_t update_number) {
  const auto t = static_cast<double>(update_number);
  Tensor without;
  kernels::adam_update(parameter, gradient, slots["first_moment"], slots["second_moment"],
                       options.amsgrad ? slots["largest_second_moment"] : without,
                       {.step_size = learning_rate / (1 - std::pow(options.beta1, t)),
                        .root_correction = std::sqrt(1 - std::pow(options.beta2, t)),
                        .beta1 = options.beta1,
                        .beta2 = options.beta2,
                        .epsilon = options.epsilon,
                        .weight_decay = options.weight_decay,
                        .shrink = shrink});
}

Adam::Adam(const ParameterList& parameters, AdamOptions options, Where where)
    : Optimizer(parameters, check_adam_options("Adam", options, where).learning_rate, where),
      options_{options} {}

void Adam::add_group(const ParameterList& parameters, AdamOptions options, Where where) {
  Optimizer::add_group(parameters, check_adam_options("Adam", options, where).learning_rate, where);
  options_.push_back(options);
}

void Adam::init(const Tensor& parameter, Slots& slots) {
  init_adam_slots(parameter, slots, options_[group()].amsgrad);
}

void Adam::update(Tensor& parameter, const Tensor& gradient, Slots& slots, double learning_rate) {
  update_adam(parameter, gradient, slots, learning_rate, options_[group()], 0, update_number());
}

}  // namespace tenon::optim
