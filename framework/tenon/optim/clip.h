#pragma once

#include "tenon/core/where.h"
#include "tenon/nn/parameter_list.h"

namespace tenon::optim {

/// Scales all gradients by max_norm / norm if their common 2-norm is above max_norm (Pascanu et al.
/// 2013), and returns the norm before. Parameters without gradient count nothing. Throws DataError
/// for a negative max_norm.
double clip_grad_norm(const ParameterList& parameters, double max_norm,
                      Where where = Where::current());

/// Limits each element of the gradients to [-max_value, max_value]. Throws DataError for a negative
/// max_value.
void clip_grad_value(const ParameterList& parameters, double max_value,
                     Where where = Where::current());

}  // namespace tenon::optim
