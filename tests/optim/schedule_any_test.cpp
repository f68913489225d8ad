#include "tenon/optim/schedule_any.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/optim/schedule.h"
#include "tenon/optim/schedule_plateau.h"

namespace tenon {
namespace {

using optim::Schedule;
using testing::AllOf;
using testing::HasSubstr;

double halves(std::int64_t step) { return std::ldexp(1, -static_cast<int>(step)); }

/// As a trainer would hold one.
struct Options {
  Schedule schedule = {};
};

TEST(AnySchedule, HoldsEachSchedule) {
  const std::vector<std::pair<Schedule, double>> at_step_3 = {
      {optim::ConstantSchedule{.learning_rate = 0.5}, 0.5},
      {optim::StepSchedule{.learning_rate = 8, .step_size = 2, .gamma = 0.5}, 4},
      {optim::MultiStepSchedule{.learning_rate = 8, .milestones = {1, 2}, .gamma = 0.5}, 2},
      {optim::ExponentialSchedule{.learning_rate = 8, .gamma = 0.5}, 1},
      {optim::PolynomialSchedule{.learning_rate = 8, .total_steps = 4}, 2},
      {optim::CosineSchedule{.learning_rate = 8, .total_steps = 6}, 4},
      {optim::CosineRestartsSchedule{.learning_rate = 8, .period = 3}, 8},
      {optim::OneCycleSchedule{.learning_rate = 8, .total_steps = 8, .rising_fraction = 0.5}, 8},
      {optim::LambdaSchedule{.learning_rate = 8, .factor = halves}, 1},
      {halves, 0.125},
      {[](std::int64_t step) { return static_cast<double>(step); }, 3},
      {[](auto step) { return step; }, 3},
      {std::function<double(std::int64_t)>(halves), 0.125},
      {Function<double(std::int64_t)>(halves), 0.125}};
  for (std::size_t i = 0; i < at_step_3.size(); ++i) {
    EXPECT_TRUE(at_step_3[i].first) << i;
    EXPECT_NEAR(at_step_3[i].first(3), at_step_3[i].second, 1e-14) << i;
  }
  EXPECT_EQ((Options{.schedule = optim::ConstantSchedule{.learning_rate = 0.5}}.schedule(0)), 0.5);
  // A plateau sees values, not steps; neither takes what is no schedule.
  static_assert(!std::is_constructible_v<Schedule, optim::ReduceOnPlateau>);
  static_assert(!std::is_constructible_v<Schedule, double>);
  static_assert(!std::is_constructible_v<Schedule, const char*>);
}

TEST(AnySchedule, CopiesShareTheFunction) {
  const auto rate = std::make_shared<double>(0.5);
  // Larger than a Function holds inline.
  const std::array<double, 40> numbers = {0.25};
  Schedule outer;
  {
    const Schedule first = [rate, numbers](std::int64_t step) {
      return *rate + numbers[0] * static_cast<double>(step);
    };
    EXPECT_EQ(rate.use_count(), 2);
    const Schedule second = first;
    outer = second;
    EXPECT_EQ(rate.use_count(), 2) << "one function for all copies";
    EXPECT_EQ(first(1), 0.75);
    EXPECT_EQ(second(2), 1);
  }
  EXPECT_EQ(outer(1), 0.75);
  Schedule moved = std::move(outer);
  EXPECT_EQ(moved(3), 1.25);
  Schedule& same = moved;
  moved = same;
  EXPECT_EQ(moved(3), 1.25);
  moved = optim::ConstantSchedule{};
  EXPECT_EQ(rate.use_count(), 1) << "freed with the last copy";
}

TEST(AnySchedule, TellsErrors) {
  for (const Schedule& empty :
       {Schedule(), Schedule(static_cast<double (*)(std::int64_t)>(nullptr)),
        Schedule(std::function<double(std::int64_t)>())}) {
    EXPECT_FALSE(empty);
    EXPECT_THAT(message_of<DataError>([&] { (void)empty(0); }),
                AllOf(HasSubstr("Schedule: it is empty"),
                      HasSubstr("Give it a schedule, ConstantSchedule say, or a function"),
                      HasSubstr("schedule_any_test.cpp")));
  }
  const Schedule bad = [](std::int64_t step) { return step < 7 ? -0.5 : std::nan(""); };
  EXPECT_THAT(message_of<DataError>([&] { (void)bad(3); }),
              AllOf(HasSubstr("Schedule: the function gave -0.5 at step 3 but must give finite "
                              "numbers of at least 0"),
                    HasSubstr("schedule_any_test.cpp")));
  EXPECT_THAT(message_of<DataError>([&] { (void)bad(7); }), HasSubstr("gave nan at step 7"));
  EXPECT_THAT(message_of<DataError>([&] { (void)bad(-1); }),
              HasSubstr("Schedule: step is -1 but must be at least 0"));
  // What a schedule inside finds wrong, at the caller's line.
  const Schedule wrong = optim::StepSchedule{.step_size = 0};
  EXPECT_THAT(message_of<DataError>([&] { (void)wrong(0); }),
              AllOf(HasSubstr("StepSchedule: step_size is 0"), HasSubstr("schedule_any_test.cpp")));
}

TEST(LambdaSchedule, ScalesAFunction) {
  const optim::LambdaSchedule schedule{.learning_rate = 8, .factor = halves, .warmup_steps = 2};
  const std::vector<double> want = {4, 8, 8, 4, 2};
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(schedule(static_cast<std::int64_t>(i)), want[i]) << i;
  // The factor may be a schedule itself.
  const optim::LambdaSchedule nested{
      .learning_rate = 8,
      .factor = optim::PolynomialSchedule{.learning_rate = 1, .total_steps = 4}};
  EXPECT_EQ(nested(3), 2);
}

TEST(LambdaSchedule, ChecksItsFields) {
  using optim::LambdaSchedule;
  EXPECT_THAT(
      message_of<DataError>([] { (void)LambdaSchedule{}(0); }),
      AllOf(HasSubstr("LambdaSchedule: factor is empty"),
            HasSubstr("Give it a function of the step"), HasSubstr("schedule_any_test.cpp")));
  EXPECT_THAT(message_of<DataError>([] { (void)LambdaSchedule{.factor = halves}(-1); }),
              HasSubstr("LambdaSchedule: step is -1"));
  EXPECT_THAT(
      message_of<DataError>([] { (void)LambdaSchedule{.learning_rate = -1, .factor = halves}(0); }),
      HasSubstr("LambdaSchedule: learning_rate is -1"));
  EXPECT_THAT(message_of<DataError>(
                  [] { (void)LambdaSchedule{.factor = [](std::int64_t) { return -2.0; }}(4); }),
              HasSubstr("the function gave -2 at step 4"));
}

}  // namespace
}  // namespace tenon
