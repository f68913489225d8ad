#include "tenon/optim/schedule.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "tenon/core/fault_internal.h"
#include "tenon/optim/optimizer_internal.h"
#include "tenon/optim/schedule_internal.h"

namespace tenon::optim {
namespace {

void check_above_zero(const char* operation, const char* name, double value, Where where) {
  if (!std::isfinite(value) || value <= 0)
    Fault(operation, where)
        .raise<DataError>(fmt::format("{} is {} but must be finite and above 0", name, value));
}

/// Half a cosine: `from` at progress 0, `to` at 1.
double half_cosine(double from, double to, double progress) {
  return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

/// How much of the steps between warm-up and total_steps lies before `step`.
double progress_of(std::int64_t step, std::int64_t warmup_steps, std::int64_t total_steps) {
  return static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
}

}  // namespace

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

double MultiStepSchedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "MultiStepSchedule";
  check_common(kName, learning_rate, warmup_steps, step, where);
  check_not_negative(kName, "gamma", gamma, where);
  double drops = 0;
  for (std::size_t i = 0; i < milestones.size(); ++i) {
    if (i == 0) check_at_least(kName, "milestones[0]", milestones[0], 0, where);
    if (i > 0 && milestones[i] < milestones[i - 1])
      Fault(kName, where)
          .fix("Give the milestones in ascending order.")
          .raise<DataError>(fmt::format("milestones[{}] is {}, below {} before it", i,
                                        milestones[i], milestones[i - 1]));
    if (milestones[i] <= step) ++drops;
  }
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);
  return learning_rate * std::pow(gamma, drops);
}

double ExponentialSchedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "ExponentialSchedule";
  check_common(kName, learning_rate, warmup_steps, step, where);
  check_not_negative(kName, "gamma", gamma, where);
  check_at_least(kName, "step_size", step_size, 1, where);
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);
  const double exponent = static_cast<double>(step - warmup_steps) / static_cast<double>(step_size);
  return learning_rate * std::pow(gamma, exponent);
}

double PolynomialSchedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "PolynomialSchedule";
  check_common(kName, learning_rate, warmup_steps, step, where);
  check_at_least(kName, "total_steps", total_steps, 1, where);
  check_not_negative(kName, "power", power, where);
  check_not_negative(kName, "final_learning_rate", final_learning_rate, where);
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);
  if (step >= total_steps) return final_learning_rate;
  const double left = 1 - progress_of(step, warmup_steps, total_steps);
  return final_learning_rate + (learning_rate - final_learning_rate) * std::pow(left, power);
}

double CosineSchedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "CosineSchedule";
  check_common(kName, learning_rate, warmup_steps, step, where);
  check_at_least(kName, "total_steps", total_steps, 1, where);
  check_not_negative(kName, "final_learning_rate", final_learning_rate, where);
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);
  if (step >= total_steps) return final_learning_rate;
  return half_cosine(learning_rate, final_learning_rate,
                     progress_of(step, warmup_steps, total_steps));
}

double CosineRestartsSchedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "CosineRestartsSchedule";
  check_common(kName, learning_rate, warmup_steps, step, where);
  check_at_least(kName, "period", period, 1, where);
  check_at_least(kName, "period_multiplier", period_multiplier, 1, where);
  check_not_negative(kName, "final_learning_rate", final_learning_rate, where);
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);

  std::int64_t position = step - warmup_steps;
  auto length = static_cast<double>(period);
  if (period_multiplier == 1) {
    position %= period;
  } else {
    for (std::int64_t exact = period; position >= exact; exact *= period_multiplier) {
      position -= exact;
      length *= static_cast<double>(period_multiplier);
      // No step reaches the end of a period that does not fit.
      if (exact > std::numeric_limits<std::int64_t>::max() / period_multiplier) break;
    }
  }
  return half_cosine(learning_rate, final_learning_rate, static_cast<double>(position) / length);
}

double OneCycleSchedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "OneCycleSchedule";
  check_common(kName, learning_rate, 0, step, where);
  check_at_least(kName, "total_steps", total_steps, 1, where);
  if (!(rising_fraction >= 0 && rising_fraction <= 1))
    Fault(kName, where)
        .raise<DataError>(
            fmt::format("rising_fraction is {} but must be in [0, 1]", rising_fraction));
  check_above_zero(kName, "initial_divisor", initial_divisor, where);
  check_above_zero(kName, "final_divisor", final_divisor, where);

  const double initial = learning_rate / initial_divisor, final = initial / final_divisor;
  if (step >= total_steps) return final;
  const auto at = static_cast<double>(step), total = static_cast<double>(total_steps);
  const double top = rising_fraction * total - 1;
  if (at <= top) return half_cosine(initial, learning_rate, top > 0 ? at / top : 1);
  return half_cosine(learning_rate, final, (at - top) / (total - 1 - top));
}

}  // namespace tenon::optim
