#include "tenon/optim/schedule.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "tenon/core/fault_internal.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {
namespace {

void check_at_least(const char* operation, const char* name, std::int64_t value, std::int64_t least,
                    Where where) {
  if (value < least)
    Fault(operation, where)
        .raise<DataError>(fmt::format("{} is {} but must be at least {}", name, value, least));
}

void check_common(const char* operation, double learning_rate, std::int64_t warmup_steps,
                  std::int64_t step, Where where) {
  check_not_negative(operation, "learning_rate", learning_rate, where);
  check_at_least(operation, "warmup_steps", warmup_steps, 0, where);
  check_at_least(operation, "step", step, 0, where);
}

double warm_up(double learning_rate, std::int64_t warmup_steps, std::int64_t step) {
  return learning_rate * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
}

}  // namespace

double ConstantSchedule::operator()(std::int64_t step, Where where) const {
  check_common("ConstantSchedule", learning_rate, warmup_steps, step, where);
  return step < warmup_steps ? warm_up(learning_rate, warmup_steps, step) : learning_rate;
}

double StepSchedule::operator()(std::int64_t step, Where where) const {
  check_common("StepSchedule", learning_rate, warmup_steps, step, where);
  check_at_least("StepSchedule", "step_size", step_size, 1, where);
  check_not_negative("StepSchedule", "gamma", gamma, where);
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);
  const std::int64_t drops = (step - warmup_steps) / step_size;
  return learning_rate * std::pow(gamma, static_cast<double>(drops));
}

double CosineSchedule::operator()(std::int64_t step, Where where) const {
  check_common("CosineSchedule", learning_rate, warmup_steps, step, where);
  check_at_least("CosineSchedule", "total_steps", total_steps, 1, where);
  check_not_negative("CosineSchedule", "final_learning_rate", final_learning_rate, where);
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);
  if (step >= total_steps) return final_learning_rate;
  const double progress =
      static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
  return final_learning_rate +
         (learning_rate - final_learning_rate) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace tenon::optim
