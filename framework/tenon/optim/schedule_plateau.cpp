#include "tenon/optim/schedule_plateau.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tenon/core/fault_internal.h"
#include "tenon/nn/differences_internal.h"
#include "tenon/optim/optimizer_internal.h"
#include "tenon/optim/schedule_internal.h"

namespace tenon::optim {
namespace {

constexpr const char* kName = "ReduceOnPlateau";
constexpr const char* kLearningRate = "learning_rate";
constexpr const char* kBest = "best";
constexpr const char* kBadObservations = "bad_observations";
constexpr const char* kCooldownLeft = "cooldown_left";

ReduceOnPlateauOptions checked(const ReduceOnPlateauOptions& options, Where where) {
  check_not_negative(kName, kLearningRate, options.learning_rate, where);
  check_decay(kName, "factor", options.factor, where);
  check_at_least(kName, "patience", options.patience, 0, where);
  check_not_negative(kName, "threshold", options.threshold, where);
  check_at_least(kName, "cooldown", options.cooldown, 0, where);
  check_not_negative(kName, "minimum_learning_rate", options.minimum_learning_rate, where);
  if (options.minimum_learning_rate > options.learning_rate)
    Fault(kName, where)
        .raise<DataError>(fmt::format("minimum_learning_rate is {}, above the learning_rate of {}",
                                      options.minimum_learning_rate, options.learning_rate));
  return options;
}

}  // namespace

ReduceOnPlateau::ReduceOnPlateau(ReduceOnPlateauOptions options, Where where)
    : options_(checked(options, where)),
      learning_rate_(options.learning_rate),
      best_(options.better == Better::lower ? std::numeric_limits<double>::infinity()
                                            : -std::numeric_limits<double>::infinity()) {}

bool ReduceOnPlateau::improves(double value) const {
  double margin = options_.threshold;
  if (options_.threshold_mode == PlateauThreshold::relative)
    margin = std::isfinite(best_) ? margin * std::abs(best_) : 0;
  return options_.better == Better::lower ? value < best_ - margin : value > best_ + margin;
}

double ReduceOnPlateau::observe(double value) {
  if (improves(value)) {
    best_ = value;
    bad_observations_ = 0;
  } else {
    ++bad_observations_;
  }
  if (cooldown_left_ > 0) {
    --cooldown_left_;
    bad_observations_ = 0;
  }
  if (bad_observations_ > options_.patience) {
    // A loaded state may already be below the minimum.
    learning_rate_ = std::min(
        learning_rate_, std::max(learning_rate_ * options_.factor, options_.minimum_learning_rate));
    cooldown_left_ = options_.cooldown;
    bad_observations_ = 0;
  }
  return learning_rate_;
}

std::map<std::string, Tensor> ReduceOnPlateau::state() const {
  return {{kLearningRate, Tensor::from({learning_rate_}, {}, Dtype::f64)},
          {kBest, Tensor::from({best_}, {}, Dtype::f64)},
          {kBadObservations, Tensor::from(bad_observations_)},
          {kCooldownLeft, Tensor::from(cooldown_left_)}};
}

void ReduceOnPlateau::load_state(const std::map<std::string, Tensor>& state, Where where) {
  check_state("load_state", kName,
              {{kLearningRate, {Dtype::f64, {}}},
               {kBest, {Dtype::f64, {}}},
               {kBadObservations, {Dtype::i64, {}}},
               {kCooldownLeft, {Dtype::i64, {}}}},
              state, where);
  const auto learning_rate = state.at(kLearningRate).item<double>();
  const auto best = state.at(kBest).item<double>();
  const auto bad_observations = state.at(kBadObservations).item<std::int64_t>();
  const auto cooldown_left = state.at(kCooldownLeft).item<std::int64_t>();
  if (!std::isfinite(learning_rate) || learning_rate < 0 || std::isnan(best) ||
      bad_observations < 0 || cooldown_left < 0)
    Fault("load_state", where)
        .raise<CheckpointError>(
            fmt::format("the state is damaged: learning_rate is {}, best {}, bad_observations {}, "
                        "cooldown_left {}",
                        learning_rate, best, bad_observations, cooldown_left));
  learning_rate_ = learning_rate;
  best_ = best;
  bad_observations_ = bad_observations;
  cooldown_left_ = cooldown_left;
}

}  // namespace tenon::optim
