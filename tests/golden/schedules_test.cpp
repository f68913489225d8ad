#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "../support/golden.h"
#include "tenon/optim/schedule.h"
#include "tenon/optim/schedule_any.h"
#include "tenon/optim/schedule_plateau.h"

namespace tenon {
namespace {

constexpr double kRate = 2;
constexpr std::int64_t kWarmup = 4;

void check(Golden& golden, const std::string& name, const optim::Schedule& schedule) {
  golden.check(name, {"steps"}, [&](const Golden::Inputs& in) {
    std::vector<double> rates;
    for (const std::int64_t step : in[0].to_vector<std::int64_t>()) rates.push_back(schedule(step));
    return Tensor::from(rates, in[0].shape(), in[0].dtype());
  });
}

void check(Golden& golden, const std::string& name, const optim::ReduceOnPlateauOptions& options) {
  golden.check(name, {"values"}, [&](const Golden::Inputs& in) {
    optim::ReduceOnPlateau plateau(options);
    std::vector<double> rates;
    for (const double value : in[0].to_vector<double>()) rates.push_back(plateau.observe(value));
    return Tensor::from(rates, in[0].shape(), in[0].dtype());
  });
}

TEST(GoldenSchedules, GiveTheSameLearningRates) {
  using optim::ConstantSchedule, optim::StepSchedule, optim::MultiStepSchedule;
  using optim::CosineRestartsSchedule, optim::CosineSchedule, optim::OneCycleSchedule;
  using optim::ExponentialSchedule, optim::LambdaSchedule, optim::PolynomialSchedule;
  Golden golden("schedules");
  check(golden, "constant", ConstantSchedule{.learning_rate = kRate, .warmup_steps = kWarmup});

  StepSchedule step{.learning_rate = kRate, .step_size = 3, .gamma = 0.7};
  check(golden, "step", step);
  step.warmup_steps = kWarmup;
  check(golden, "step_warmup", step);

  MultiStepSchedule multi{.learning_rate = kRate, .milestones = {2, 5, 5, 11}, .gamma = 0.7};
  check(golden, "multi_step", multi);
  multi.milestones = {6, 11};
  multi.warmup_steps = kWarmup;
  check(golden, "multi_step_warmup", multi);

  ExponentialSchedule exponential{.learning_rate = kRate, .gamma = 0.8};
  check(golden, "exponential", exponential);
  exponential = {
      .learning_rate = kRate, .gamma = std::pow(0.8, 7), .step_size = 7, .warmup_steps = kWarmup};
  check(golden, "exponential_warmup", exponential);

  PolynomialSchedule polynomial{.learning_rate = kRate, .total_steps = 15};
  check(golden, "polynomial", polynomial);
  polynomial.power = 2.5;
  polynomial.warmup_steps = kWarmup;
  check(golden, "polynomial_warmup", polynomial);

  CosineSchedule cosine{.learning_rate = kRate, .total_steps = 15, .final_learning_rate = 0.25};
  check(golden, "cosine", cosine);
  cosine.warmup_steps = kWarmup;
  check(golden, "cosine_warmup", cosine);

  check(golden, "restarts",
        CosineRestartsSchedule{.learning_rate = kRate, .period = 5, .final_learning_rate = 0.25});
  check(golden, "restarts_longer",
        CosineRestartsSchedule{.learning_rate = kRate, .period = 3, .period_multiplier = 2});
  check(golden, "restarts_warmup",
        CosineRestartsSchedule{.learning_rate = kRate,
                               .period = 2,
                               .period_multiplier = 3,
                               .final_learning_rate = 0.25,
                               .warmup_steps = kWarmup});

  check(golden, "one_cycle", OneCycleSchedule{.learning_rate = kRate, .total_steps = 50});
  check(golden, "one_cycle_options",
        OneCycleSchedule{.learning_rate = kRate,
                         .total_steps = 33,
                         .rising_fraction = 0.45,
                         .initial_divisor = 5,
                         .final_divisor = 20});
  check(golden, "one_cycle_no_rise",
        OneCycleSchedule{.learning_rate = kRate, .total_steps = 10, .rising_fraction = 0});
  check(golden, "one_cycle_no_fall",
        OneCycleSchedule{.learning_rate = kRate, .total_steps = 10, .rising_fraction = 1});

  LambdaSchedule function{.learning_rate = kRate, .factor = [](std::int64_t at) {
                            return 1 / std::sqrt(1 + static_cast<double>(at));
                          }};
  check(golden, "lambda", function);
  function.warmup_steps = kWarmup;
  check(golden, "lambda_warmup", function);

  using Plateau = optim::ReduceOnPlateauOptions;
  using optim::PlateauThreshold;
  check(golden, "plateau", Plateau{.learning_rate = kRate});
  check(golden, "plateau_minimum",
        Plateau{.learning_rate = kRate,
                .factor = 0.5,
                .patience = 2,
                .cooldown = 3,
                .minimum_learning_rate = 0.1});
  check(golden, "plateau_relative",
        Plateau{.learning_rate = kRate,
                .factor = 0.5,
                .patience = 1,
                .threshold = 0.2505,
                .cooldown = 1});
  check(golden, "plateau_absolute",
        Plateau{.learning_rate = kRate,
                .factor = 0.7,
                .patience = 2,
                .threshold = 0.1005,
                .threshold_mode = PlateauThreshold::absolute});
  check(golden, "plateau_maximum",
        Plateau{.learning_rate = kRate,
                .better = Better::higher,
                .factor = 0.6,
                .patience = 3,
                .cooldown = 2});
  check(golden, "plateau_maximum_absolute",
        Plateau{.learning_rate = kRate,
                .better = Better::higher,
                .factor = 0.6,
                .patience = 0,
                .threshold = 0.0505,
                .threshold_mode = PlateauThreshold::absolute,
                .minimum_learning_rate = 0.01});
}

}  // namespace
}  // namespace tenon
