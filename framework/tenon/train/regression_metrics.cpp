#include "tenon/train/regression_metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/train/metric_internal.h"

namespace tenon::metrics {
namespace {

constexpr const char* kSum = "sum";
constexpr const char* kLost = "lost";
constexpr const char* kMean = "target_mean";
constexpr const char* kSquares = "target_squares";
constexpr const char* kResidual = "residual_sum";
constexpr const char* kResidualLost = "residual_lost";

void check_pair(const char* operation, const Tensor& outputs, const Tensor& targets, Where where) {
  check_floating(operation, outputs, where, "outputs");
  check_floating(operation, targets, where, "targets");
  if (!(outputs.shape() == targets.shape()))
    Fault(operation, where)
        .operand("outputs", outputs)
        .operand("targets", targets)
        .fix("Metrics do not broadcast: reshape or expand one of them.")
        .raise<ShapeError>(fmt::format("outputs have shape {} but targets have {}",
                                       to_string(outputs.shape()), to_string(targets.shape())));
}

std::string name_or(const std::string& name, const char* own) { return name.empty() ? own : name; }

}  // namespace

MeanError::MeanError(const char* operation, std::string name)
    : Metric(std::move(name)), operation_(operation) {}

void MeanError::update(const Tensor& outputs, const Tensor& targets, Where where) {
  check_pair(operation_, outputs, targets, where);
  const std::vector<double> y = outputs.to_vector<double>(), t = targets.to_vector<double>();
  for (std::size_t i = 0; i < y.size(); ++i) total_.add(error(y[i] - t[i]));
  count_ += static_cast<std::int64_t>(y.size());
}

double MeanError::value() const {
  return count_ == 0 ? kNan : total_.value() / static_cast<double>(count_);
}

void MeanError::reset() {
  total_ = {};
  count_ = 0;
}

std::map<std::string, Tensor> MeanError::state() const {
  return {
      {kSum, state_of(total_.sum)}, {kLost, state_of(total_.lost)}, {kCount, Tensor::from(count_)}};
}

void MeanError::load_state(const std::map<std::string, Tensor>& state, Where where) {
  check_metric_state(*this, {{kSum, kOneSum}, {kLost, kOneSum}, {kCount, kOneCount}}, state, where);
  total_ = {.sum = state.at(kSum).item<double>(), .lost = state.at(kLost).item<double>()};
  count_ = state.at(kCount).item<std::int64_t>();
}

MeanSquaredError::MeanSquaredError(const RegressionOptions& options)
    : MeanError("MeanSquaredError", name_or(options.name, "mse")) {}
double MeanSquaredError::error(double difference) const { return difference * difference; }

MeanAbsoluteError::MeanAbsoluteError(const RegressionOptions& options)
    : MeanError("MeanAbsoluteError", name_or(options.name, "mae")) {}
double MeanAbsoluteError::error(double difference) const { return std::abs(difference); }

R2::R2(R2Options options) : Metric(name_or(options.name, "r2")), options_(std::move(options)) {}

void R2::update(const Tensor& outputs, const Tensor& targets, Where where) {
  constexpr const char* kName = "R2";
  check_pair(kName, outputs, targets, where);
  const auto fault = [&] {
    return Fault(kName, where).operand("outputs", outputs).operand("targets", targets);
  };
  if (outputs.rank() == 0) fault().raise<ShapeError>("outputs have no axis of samples");
  Shape of_sample = outputs.shape();
  of_sample.erase(0);
  const auto width = static_cast<std::size_t>(of_sample.numel());
  if (outputs.numel() == 0) return;
  if (!sums_.empty() && sums_.size() != width)
    fault()
        .fix("Call reset() before other data.")
        .raise<ShapeError>(
            fmt::format("a sample has {} numbers but those before had {}", width, sums_.size()));

  sums_.resize(width);
  const std::vector<double> y = outputs.to_vector<double>(), t = targets.to_vector<double>();
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i % width == 0) ++count_;
    Sums& sums = sums_[i % width];
    const double residual = t[i] - y[i], difference = t[i] - sums.mean;
    sums.residual.add(residual * residual);
    sums.mean += difference / static_cast<double>(count_);
    sums.squares += difference * (t[i] - sums.mean);
  }
}

double R2::value_of(const Sums& sums) const {
  if (count_ < 2) return kNan;
  const double residual = sums.residual.value();
  if (sums.squares != 0 || std::isnan(residual)) return 1 - residual / sums.squares;
  return residual == 0 ? 1 : 0;
}

double R2::value() const {
  double sum = 0, weighted_sum = 0, weights = 0;
  for (const Sums& sums : sums_) {
    sum += value_of(sums);
    weighted_sum += value_of(sums) * sums.squares;
    weights += sums.squares;
  }
  if (options_.average == OutputAverage::variance_weighted && weights != 0)
    return weighted_sum / weights;
  return sums_.empty() ? kNan : sum / static_cast<double>(sums_.size());
}

Tensor R2::per_output() const {
  std::vector<double> values;
  for (const Sums& sums : sums_) values.push_back(value_of(sums));
  return state_of(values);
}

void R2::reset() {
  count_ = 0;
  sums_.clear();
}

std::map<std::string, Tensor> R2::state() const {
  std::vector<double> mean, squares, residual, lost;
  for (const Sums& sums : sums_) {
    mean.push_back(sums.mean);
    squares.push_back(sums.squares);
    residual.push_back(sums.residual.sum);
    lost.push_back(sums.residual.lost);
  }
  return {{kCount, Tensor::from(count_)},
          {kMean, state_of(mean)},
          {kSquares, state_of(squares)},
          {kResidual, state_of(residual)},
          {kResidualLost, state_of(lost)}};
}

void R2::load_state(const std::map<std::string, Tensor>& state, Where where) {
  const TensorKind per_output{Dtype::f64, {length_in(state, {kMean, kSquares, kResidual})}};
  check_metric_state(*this,
                     {{kCount, kOneCount},
                      {kMean, per_output},
                      {kSquares, per_output},
                      {kResidual, per_output},
                      {kResidualLost, per_output}},
                     state, where);
  const auto read = [&](const char* name) { return state.at(name).to_vector<double>(); };
  const std::vector<double> mean = read(kMean), squares = read(kSquares), sum = read(kResidual),
                            lost = read(kResidualLost);
  sums_.resize(mean.size());
  for (std::size_t i = 0; i < mean.size(); ++i)
    sums_[i] = {mean[i], squares[i], {.sum = sum[i], .lost = lost[i]}};
  count_ = state.at(kCount).item<std::int64_t>();
}

}  // namespace tenon::metrics
