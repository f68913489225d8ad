#pragma once

#include <cstdint>

#include "tenon/core/where.h"

namespace tenon::optim {

// Learning rates as pure functions of the step, counted from 0, so that a resumed run continues
// them:
//   const optim::CosineSchedule schedule{.learning_rate = 2e-3, .total_steps = 4690};
//   optimizer.set_learning_rate(schedule(step));
// During warm-up the rate rises linearly, learning_rate (step + 1) / warmup_steps; then the
// schedule begins. They throw DataError for a negative step or fields out of range.

/// Always the same.
struct ConstantSchedule {
  double learning_rate = 1e-3;
  std::int64_t warmup_steps = 0;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

/// learning_rate gamma^floor(step / step_size).
struct StepSchedule {
  double learning_rate = 1e-3;
  std::int64_t step_size = 1;
  double gamma = 0.1;
  std::int64_t warmup_steps = 0;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

/// Half a cosine from learning_rate down to final_learning_rate at total_steps (warm-up included),
/// and constant from there (Loshchilov and Hutter 2017).
struct CosineSchedule {
  double learning_rate = 1e-3;
  std::int64_t total_steps = 1;
  double final_learning_rate = 0;
  std::int64_t warmup_steps = 0;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

}  // namespace tenon::optim
