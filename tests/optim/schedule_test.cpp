// Edges and errors by hand; tests/golden/schedules_test.cpp has PyTorch's numbers.
#include "tenon/optim/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"

namespace tenon {
namespace {

using optim::CosineRestartsSchedule, optim::ExponentialSchedule, optim::MultiStepSchedule;
using optim::OneCycleSchedule, optim::PolynomialSchedule;
using testing::AllOf;
using testing::HasSubstr;

template <class Schedule>
void expect_rates(const Schedule& schedule, const std::vector<double>& want) {
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_DOUBLE_EQ(schedule(static_cast<std::int64_t>(i)), want[i]) << "step " << i;
}

template <class Schedule>
std::string error_of(const Schedule& schedule, std::int64_t step = 0) {
  const std::string text = message_of<DataError>([&] { (void)schedule(step); });
  EXPECT_THAT(text, HasSubstr("schedule_test.cpp"));
  return text;
}

TEST(MultiStepSchedule, FallsAtItsMilestones) {
  expect_rates(MultiStepSchedule{.learning_rate = 8, .milestones = {0, 2, 2, 4}, .gamma = 0.5},
               {4, 4, 1, 1, 0.5, 0.5});
  expect_rates(MultiStepSchedule{.learning_rate = 8}, {8, 8, 8});
  // Milestones are steps of the run; one in the warm-up counts when that is over.
  expect_rates(
      MultiStepSchedule{.learning_rate = 8, .milestones = {1, 5}, .gamma = 0.5, .warmup_steps = 4},
      {2, 4, 6, 8, 4, 2, 2});
  EXPECT_EQ((MultiStepSchedule{.learning_rate = 8, .milestones = {INT64_MAX}}(INT64_MAX)), 8 * 0.1);
}

TEST(MultiStepSchedule, ChecksItsFields) {
  EXPECT_THAT(error_of(MultiStepSchedule{.milestones = {30, 60, 50}}),
              AllOf(HasSubstr("MultiStepSchedule: milestones[2] is 50, below 60 before it"),
                    HasSubstr("Give the milestones in ascending order.")));
  EXPECT_THAT(error_of(MultiStepSchedule{.milestones = {-1}}),
              HasSubstr("MultiStepSchedule: milestones[0] is -1 but must be at least 0"));
  EXPECT_THAT(error_of(MultiStepSchedule{.gamma = -1}), HasSubstr("gamma is -1"));
  EXPECT_THAT(error_of(MultiStepSchedule{.learning_rate = -1}), HasSubstr("learning_rate is -1"));
  EXPECT_THAT(error_of(MultiStepSchedule{}, -1), HasSubstr("MultiStepSchedule: step is -1"));
}

TEST(ExponentialSchedule, FallsEvenly) {
  expect_rates(ExponentialSchedule{.learning_rate = 8, .gamma = 0.25, .step_size = 2},
               {8, 4, 2, 1, 0.5});
  expect_rates(ExponentialSchedule{.learning_rate = 8, .gamma = 0.5, .warmup_steps = 2},
               {4, 8, 8, 4, 2});
  EXPECT_EQ((ExponentialSchedule{.gamma = 0.5}(INT64_MAX)), 0);
}

TEST(ExponentialSchedule, ChecksItsFields) {
  EXPECT_THAT(error_of(ExponentialSchedule{.gamma = std::nan("")}),
              HasSubstr("ExponentialSchedule: gamma is nan but must be finite and at least 0"));
  EXPECT_THAT(error_of(ExponentialSchedule{.step_size = 0}),
              HasSubstr("ExponentialSchedule: step_size is 0 but must be at least 1"));
  EXPECT_THAT(error_of(ExponentialSchedule{.warmup_steps = -2}), HasSubstr("warmup_steps is -2"));
  EXPECT_THAT(error_of(ExponentialSchedule{}, -5), HasSubstr("step is -5"));
}

TEST(PolynomialSchedule, FallsToTheEnd) {
  expect_rates(PolynomialSchedule{.learning_rate = 9, .total_steps = 4, .final_learning_rate = 1},
               {9, 7, 5, 3, 1, 1});
  expect_rates(
      PolynomialSchedule{.learning_rate = 16, .total_steps = 6, .power = 2, .warmup_steps = 2},
      {8, 16, 16, 9, 4, 1, 0, 0});
  EXPECT_EQ((PolynomialSchedule{.total_steps = 5, .final_learning_rate = 0.5}(INT64_MAX)), 0.5);
}

TEST(PolynomialSchedule, ChecksItsFields) {
  EXPECT_THAT(error_of(PolynomialSchedule{.total_steps = 0}),
              HasSubstr("PolynomialSchedule: total_steps is 0 but must be at least 1"));
  EXPECT_THAT(error_of(PolynomialSchedule{.power = -1}),
              HasSubstr("PolynomialSchedule: power is -1 but must be finite and at least 0"));
  EXPECT_THAT(error_of(PolynomialSchedule{.final_learning_rate = -1}),
              HasSubstr("final_learning_rate is -1"));
  EXPECT_THAT(error_of(PolynomialSchedule{}, -1), HasSubstr("step is -1"));
}

TEST(CosineRestartsSchedule, StartsAgain) {
  // Periods of 2, 4 and 8 steps; cos(pi / 4) = sqrt(0.5).
  const double high = 1 + std::sqrt(0.5), low = 1 - std::sqrt(0.5);
  const CosineRestartsSchedule schedule{.learning_rate = 2, .period = 2, .period_multiplier = 2};
  const std::vector<double> want = {2, 1, 2, high, 1, low, 2};
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_NEAR(schedule(static_cast<std::int64_t>(i)), want[i], 1e-15) << i;
  EXPECT_NEAR(schedule(10), 1, 1e-15);
  EXPECT_EQ(schedule(14), 2);
  expect_rates(CosineRestartsSchedule{.learning_rate = 3}, {3, 3, 3});
}

TEST(CosineRestartsSchedule, TakesAnyStep) {
  CosineRestartsSchedule schedule{.learning_rate = 2, .period = 4};
  EXPECT_EQ(schedule(INT64_MAX - 3), 2);  // 2^63 - 4, a multiple of the period
  EXPECT_NEAR(schedule(INT64_MAX - 1), 1, 1e-15);
  // Periods of 1, 2, 4 ... begin at the steps 2^k - 1; the last one that is reached has 2^62 steps.
  schedule = {.learning_rate = 2, .period = 1, .period_multiplier = 2};
  EXPECT_EQ(schedule((std::int64_t{1} << 62) - 1), 2);
  EXPECT_NEAR(schedule((std::int64_t{1} << 62) + (std::int64_t{1} << 61) - 1), 1, 1e-15);
  EXPECT_EQ(schedule(INT64_MAX), 2);
  // The second period has 3 * 2^62 steps, more than can be counted.
  schedule = {.learning_rate = 2, .period = 3, .period_multiplier = std::int64_t{1} << 62};
  EXPECT_EQ(schedule(3), 2);
  EXPECT_NEAR(schedule(INT64_MAX), 1 + std::cos(3.14159265358979323846 * 2 / 3), 1e-15);
}

TEST(CosineRestartsSchedule, ChecksItsFields) {
  EXPECT_THAT(error_of(CosineRestartsSchedule{.period = 0}),
              HasSubstr("CosineRestartsSchedule: period is 0 but must be at least 1"));
  EXPECT_THAT(error_of(CosineRestartsSchedule{.period_multiplier = 0}),
              HasSubstr("CosineRestartsSchedule: period_multiplier is 0 but must be at least 1"));
  EXPECT_THAT(error_of(CosineRestartsSchedule{.final_learning_rate = HUGE_VAL}),
              HasSubstr("final_learning_rate is inf"));
  EXPECT_THAT(error_of(CosineRestartsSchedule{}, -1), HasSubstr("step is -1"));
}

TEST(OneCycleSchedule, RisesAndFalls) {
  // Up from 1 to 4 at step 0.5 * 8 - 1, down to 0.5 at step 7.
  const OneCycleSchedule schedule{.learning_rate = 4,
                                  .total_steps = 8,
                                  .rising_fraction = 0.5,
                                  .initial_divisor = 4,
                                  .final_divisor = 2};
  const double eighth = 1.75 * std::sqrt(0.5);  // of the fall, from its middle at 2.25
  const std::vector<double> want = {1, 1.75, 3.25, 4, 2.25 + eighth, 2.25, 2.25 - eighth, 0.5, 0.5};
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_NEAR(schedule(static_cast<std::int64_t>(i)), want[i], 1e-15) << i;
  EXPECT_EQ(schedule(INT64_MAX), 0.5);
}

TEST(OneCycleSchedule, TakesShortRuns) {
  // A single step is the end of the fall, or of the rise where there is no fall.
  EXPECT_DOUBLE_EQ(
      (OneCycleSchedule{.learning_rate = 1, .initial_divisor = 2, .final_divisor = 4}(0)), 0.125);
  EXPECT_EQ((OneCycleSchedule{.learning_rate = 1, .rising_fraction = 1}(0)), 1);
  // The rise ends at step 0.
  EXPECT_EQ((OneCycleSchedule{.learning_rate = 1, .total_steps = 4, .rising_fraction = 0.25}(0)),
            1);
}

TEST(OneCycleSchedule, ChecksItsFields) {
  EXPECT_THAT(error_of(OneCycleSchedule{.learning_rate = -1}),
              HasSubstr("OneCycleSchedule: learning_rate is -1"));
  EXPECT_THAT(error_of(OneCycleSchedule{.total_steps = -3}),
              HasSubstr("OneCycleSchedule: total_steps is -3 but must be at least 1"));
  EXPECT_THAT(error_of(OneCycleSchedule{.rising_fraction = 1.5}),
              HasSubstr("OneCycleSchedule: rising_fraction is 1.5 but must be in [0, 1]"));
  EXPECT_THAT(error_of(OneCycleSchedule{.rising_fraction = std::nan("")}),
              HasSubstr("rising_fraction is nan"));
  EXPECT_THAT(error_of(OneCycleSchedule{.initial_divisor = 0}),
              HasSubstr("initial_divisor is 0 but must be finite and above 0"));
  EXPECT_THAT(error_of(OneCycleSchedule{.final_divisor = HUGE_VAL}),
              HasSubstr("final_divisor is inf but must be finite and above 0"));
  EXPECT_THAT(error_of(OneCycleSchedule{}, -1), HasSubstr("step is -1"));
}

}  // namespace
}  // namespace tenon
