#pragma once

#include "tenon/optim/adam.h"

namespace tenon::optim {

// What Adam and AdamW share: they differ in where the weight decay goes.

/// Throws DataError for options out of range; `operation` names the class.
const AdamOptions& check_adam_options(const char* operation, const AdamOptions& options,
                                      Where where);
void init_adam_slots(const Tensor& parameter, Slots& slots, bool amsgrad);
/// `shrink` is the factor by which AdamW's decay makes the parameter smaller; Adam's is
/// options.weight_decay.
void update_adam(Tensor& parameter, const Tensor& gradient, Slots& slots, double learning_rate,
                 const AdamOptions& options, double shrink, std::int64_t update_number);

}  // namespace tenon::optim
