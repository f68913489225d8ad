// By hand; tests/golden/schedules_test.cpp has PyTorch's numbers.
#include "tenon/optim/schedule_plateau.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"

namespace tenon {
namespace {

using optim::PlateauThreshold;
using optim::ReduceOnPlateau, optim::ReduceOnPlateauOptions;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> rates(ReduceOnPlateau& plateau, const std::vector<double>& values) {
  std::vector<double> found;
  for (const double value : values) {
    found.push_back(plateau.observe(value));
    EXPECT_EQ(plateau.learning_rate(), found.back());
  }
  return found;
}

TEST(ReduceOnPlateau, FallsAfterItsPatience) {
  ReduceOnPlateau plateau({.learning_rate = 8, .factor = 0.5, .patience = 1, .threshold = 0});
  EXPECT_EQ(plateau.learning_rate(), 8);
  EXPECT_THAT(rates(plateau, {5, 5, 4, 4, 4, 4, 4, 3}), ElementsAre(8, 8, 8, 8, 4, 4, 2, 2));
  EXPECT_EQ(plateau.best(), 3);
}

TEST(ReduceOnPlateau, RestsAndStops) {
  ReduceOnPlateau plateau({.learning_rate = 8,
                           .factor = 0.5,
                           .patience = 0,
                           .cooldown = 2,
                           .minimum_learning_rate = 3});
  EXPECT_THAT(rates(plateau, {1, 1, 1, 1, 1, 1, 1, 1, 1}), ElementsAre(8, 4, 4, 4, 3, 3, 3, 3, 3));
}

TEST(ReduceOnPlateau, WantsMoreThanTheThreshold) {
  // 0.75 is not better than 1 - 0.25.
  ReduceOnPlateau low({.learning_rate = 8,
                       .factor = 0.5,
                       .patience = 0,
                       .threshold = 0.25,
                       .threshold_mode = PlateauThreshold::absolute});
  EXPECT_THAT(rates(low, {1, 0.75, 0.7, 0.5}), ElementsAre(8, 4, 4, 2));
  ReduceOnPlateau high({.learning_rate = 8,
                        .better = Better::higher,
                        .factor = 0.5,
                        .patience = 0,
                        .threshold = 0.25});
  EXPECT_EQ(high.best(), -HUGE_VAL);
  EXPECT_THAT(rates(high, {4, 5, 6, 7}), ElementsAre(8, 4, 4, 2));
  EXPECT_EQ(high.best(), 6);
  // Below zero too, better is more than a quarter of 4 away. (PyTorch takes -3.5 for better
  // than -4.)
  ReduceOnPlateau negative({.learning_rate = 8, .factor = 0.5, .patience = 0, .threshold = 0.25});
  EXPECT_EQ(negative.best(), HUGE_VAL);
  EXPECT_THAT(rates(negative, {-4, -3.5, -5, -5.5}), ElementsAre(8, 4, 2, 2));
}

TEST(ReduceOnPlateau, DoesNotTakeNaNForBetter) {
  ReduceOnPlateau plateau({.learning_rate = 8, .factor = 0.5, .patience = 0});
  EXPECT_THAT(rates(plateau, {std::nan(""), 1, HUGE_VAL, std::nan(""), 0.5}),
              ElementsAre(4, 4, 2, 1, 1));
  EXPECT_EQ(plateau.best(), 0.5);
}

TEST(ReduceOnPlateau, ContinuesFromItsState) {
  const ReduceOnPlateauOptions options{
      .learning_rate = 0.1, .factor = 0.3, .patience = 1, .cooldown = 2};
  const std::vector<double> values = {1, 0.9, 0.9, 0.95, 0.8, 0.9, 0.9, 0.9, 0.9, 0.7, 1, 1, 1, 1};
  ReduceOnPlateau whole(options);
  const std::vector<double> want = rates(whole, values);
  for (std::size_t stop = 0; stop <= values.size(); ++stop) {
    SCOPED_TRACE(stop);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(stop);
    ReduceOnPlateau first(options), second(options);
    std::vector<double> found = rates(first, {values.begin(), at});
    const std::map<std::string, Tensor> state = first.state();
    rates(first, {9, 9, 9});  // does not touch the state that was taken
    second.load_state(state);
    for (const double rate : rates(second, {at, values.end()})) found.push_back(rate);
    EXPECT_EQ(found, want);
    EXPECT_EQ(second.best(), whole.best());
  }
}

TEST(ReduceOnPlateau, StateIsFourNumbers) {
  ReduceOnPlateau plateau({.learning_rate = 0.1, .factor = 0.5, .patience = 0, .cooldown = 3});
  rates(plateau, {0.7, 0.8});
  const std::map<std::string, Tensor> state = plateau.state();
  EXPECT_EQ(state.size(), 4U);
  EXPECT_EQ(state.at("learning_rate").item<double>(), 0.05);
  EXPECT_EQ(state.at("best").item<double>(), 0.7);
  EXPECT_EQ(state.at("best").dtype(), Dtype::f64);
  EXPECT_EQ(state.at("bad_observations").item<int>(), 0);
  EXPECT_EQ(state.at("cooldown_left").item<int>(), 3);
  EXPECT_EQ(state.at("cooldown_left").dtype(), Dtype::i64);
}

TEST(ReduceOnPlateau, RefusesAStateThatDoesNotFit) {
  ReduceOnPlateau plateau({.learning_rate = 0.5, .patience = 0});
  const std::map<std::string, Tensor> good = plateau.state();
  auto state = good;
  state.erase("best");
  state["bests"] = Tensor::from(1.0f);
  state["cooldown_left"] = Tensor::zeros({2});
  EXPECT_THAT(message_of<CheckpointError>([&] { plateau.load_state(state); }),
              AllOf(HasSubstr("load_state: the state does not fit ReduceOnPlateau: 1 missing, 1 "
                              "unexpected, 1 of another shape or dtype"),
                    HasSubstr("missing: best [] f64"), HasSubstr("unexpected: bests [] f32"),
                    HasSubstr("different: cooldown_left is [2] f32, expected [] i64"),
                    HasSubstr("schedule_plateau_test.cpp")));
  const auto damaged = [&](const std::string& name, const Tensor& value) {
    auto bad = good;
    bad[name] = value;
    return message_of<CheckpointError>([&] { plateau.load_state(bad); });
  };
  EXPECT_THAT(damaged("learning_rate", Tensor::from({-1.0}, {}, Dtype::f64)),
              AllOf(HasSubstr("load_state: the state is damaged: learning_rate is -1, best inf, "
                              "bad_observations 0, cooldown_left 0"),
                    HasSubstr("schedule_plateau_test.cpp")));
  EXPECT_THAT(damaged("learning_rate", Tensor::from({HUGE_VAL}, {}, Dtype::f64)),
              HasSubstr("learning_rate is inf"));
  EXPECT_THAT(damaged("best", Tensor::from({std::nan("")}, {}, Dtype::f64)), HasSubstr("best nan"));
  EXPECT_THAT(damaged("bad_observations", Tensor::from(-3)), HasSubstr("bad_observations -3"));
  EXPECT_THAT(damaged("cooldown_left", Tensor::from(-4)), HasSubstr("cooldown_left -4"));
  EXPECT_EQ(plateau.learning_rate(), 0.5);
}

TEST(ReduceOnPlateau, ChecksItsOptions) {
  const auto fault = [](const ReduceOnPlateauOptions& options) {
    const std::string text = message_of<DataError>([&] { ReduceOnPlateau{options}; });
    EXPECT_THAT(text, HasSubstr("schedule_plateau_test.cpp"));
    return text;
  };
  EXPECT_THAT(fault({.learning_rate = -1}),
              HasSubstr("ReduceOnPlateau: learning_rate is -1 but must be finite and at least 0"));
  EXPECT_THAT(fault({.factor = 1}),
              HasSubstr("ReduceOnPlateau: factor is 1 but must be in [0, 1)"));
  EXPECT_THAT(fault({.patience = -1}), HasSubstr("patience is -1 but must be at least 0"));
  EXPECT_THAT(fault({.threshold = std::nan("")}), HasSubstr("threshold is nan"));
  EXPECT_THAT(fault({.cooldown = -1}), HasSubstr("cooldown is -1 but must be at least 0"));
  EXPECT_THAT(fault({.minimum_learning_rate = -1}), HasSubstr("minimum_learning_rate is -1"));
  EXPECT_THAT(
      fault({.learning_rate = 0.1, .minimum_learning_rate = 0.5}),
      HasSubstr("ReduceOnPlateau: minimum_learning_rate is 0.5, above the learning_rate of 0.1"));
}

}  // namespace
}  // namespace tenon
