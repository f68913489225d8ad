#pragma once

#include <map>
#include <string>

#include "tenon/nn/differences_internal.h"
#include "tenon/optim/optimizer.h"

namespace tenon::optim {

/// Checks a learning rate or another number that must be finite and not negative; else DataError.
void check_not_negative(const char* operation, const char* name, double value, Where where);
/// A number in [0, 1); else DataError.
void check_decay(const char* operation, const char* name, double value, Where where);

/// For checkpoints, which tell the differences of model and optimizer together.
struct OptimizerAccess {
  static void compare_state(Optimizer& optimizer, const std::map<std::string, Tensor>& state,
                            Differences& differences);
};

}  // namespace tenon::optim
