#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tenon/nn/differences_internal.h"
#include "tenon/optim/optimizer.h"

namespace tenon::optim {

/// Checks a learning rate or another number that must be finite and not negative; else DataError.
void check_not_negative(const char* operation, const char* name, double value, Where where);
/// A number in [0, 1); else DataError.
void check_decay(const char* operation, const char* name, double value, Where where);

/// A state, copied and ready to be taken over.
struct Optimizer::Loaded {
  std::int64_t step_count = 0;
  std::vector<double> learning_rates;
  std::vector<std::int64_t> updates;
  std::vector<Slots> slots;
};

/// For checkpoints, which tell the differences of model and optimizer together before they change
/// any of them.
struct OptimizerAccess {
  using Loaded = Optimizer::Loaded;
  static Loaded read_state(Optimizer& optimizer, const std::map<std::string, Tensor>& state,
                           Differences& differences);
  static void use(Optimizer& optimizer, Loaded loaded);
};

}  // namespace tenon::optim
