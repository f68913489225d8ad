#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/where.h"

namespace tenon::optim {

// Learning rates as pure functions of the step, counted from 0, so that a resumed run continues
// them:
//   const optim::CosineSchedule schedule{.learning_rate = 2e-3, .total_steps = 4690};
//   optimizer.set_learning_rate(schedule(step));
// During warm-up the rate rises linearly, learning_rate (step + 1) / warmup_steps; then the
// schedule begins: `step` in the formulas below is counted from there, but total_steps and
// milestones from the beginning of the run. They throw DataError for a negative step or fields out
// of range. schedule_any.h holds any of them as one type.

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

/// learning_rate gamma^(how many milestones have been reached); they must be in ascending order.
struct MultiStepSchedule {
  double learning_rate = 1e-3;
  std::vector<std::int64_t> milestones = {};
  double gamma = 0.1;
  std::int64_t warmup_steps = 0;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

/// learning_rate gamma^(step / step_size): falls by gamma in step_size steps, evenly.
struct ExponentialSchedule {
  double learning_rate = 1e-3;
  double gamma = 0.99;
  std::int64_t step_size = 1;
  std::int64_t warmup_steps = 0;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

/// final_learning_rate + (learning_rate - final_learning_rate) (1 - step / steps)^power, down to
/// total_steps (warm-up included), and constant from there; power 1 is a straight line.
struct PolynomialSchedule {
  double learning_rate = 1e-3;
  std::int64_t total_steps = 1;
  double power = 1;
  double final_learning_rate = 0;
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

/// Half a cosine from learning_rate down to final_learning_rate, again and again: the first takes
/// `period` steps, each next one period_multiplier times as many (SGDR, Loshchilov and Hutter
/// 2017).
struct CosineRestartsSchedule {
  double learning_rate = 1e-3;
  std::int64_t period = 1;
  std::int64_t period_multiplier = 1;
  double final_learning_rate = 0;
  std::int64_t warmup_steps = 0;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

/// One cycle (Smith and Topin 2018), as PyTorch's OneCycleLR: up half a cosine from learning_rate /
/// initial_divisor to learning_rate at step rising_fraction total_steps - 1, then down another one
/// to learning_rate / (initial_divisor final_divisor) at step total_steps - 1, and constant from
/// there. The rise is its warm-up; momentum is left alone.
struct OneCycleSchedule {
  double learning_rate = 1e-3;  ///< the highest
  std::int64_t total_steps = 1;
  double rising_fraction = 0.3;
  double initial_divisor = 25;
  double final_divisor = 1e4;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

}  // namespace tenon::optim
