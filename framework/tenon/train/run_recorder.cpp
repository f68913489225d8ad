#include "tenon/train/run_recorder.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tenon/nn/differences_internal.h"
#include "tenon/train/progress.h"
#include "tenon/train/trainer.h"

namespace tenon {
namespace {

constexpr const char* kSeconds = "seconds";
constexpr const char* kSamplesPerSecond = "samples_per_second";
constexpr const char* kEpochSeconds = "epoch_seconds";
constexpr std::string_view kParameters = "parameters/";
constexpr std::string_view kGradients = "gradients/";
constexpr std::string_view kRange = "/range";
constexpr std::string_view kCounts = "/counts";

std::string join(std::string_view a, std::string_view b) { return std::string(a).append(b); }

/// What a state consists of that has `epochs` rows of these histograms.
std::map<std::string, TensorKind> kinds_of(std::int64_t epochs,
                                           const std::vector<std::string>& histograms) {
  std::map<std::string, TensorKind> kinds{{kSeconds, {Dtype::f64, {epochs}}},
                                          {kSamplesPerSecond, {Dtype::f64, {epochs}}},
                                          {kEpochSeconds, {Dtype::f64, {}}}};
  for (const std::string& name : histograms) {
    kinds[join(name, kRange)] = {Dtype::f64, {epochs, 2}};
    kinds[join(name, kCounts)] = {Dtype::i64, {epochs, RunRecorder::kBins}};
  }
  return kinds;
}

}  // namespace

void RunRecorder::Rows::add(const Tensor& values) {
  std::vector<double> finite;
  if (values.defined()) finite = values.to_vector<double>();
  std::erase_if(finite, [](double value) { return !std::isfinite(value); });
  counts.resize(counts.size() + kBins);
  if (finite.empty()) {
    range.insert(range.end(), 2, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
  range.insert(range.end(), {*low, *high});
  const double start = *low, width = *high - *low;
  std::int64_t* const row = counts.data() + counts.size() - kBins;
  for (const double value : finite) {
    const double part = width > 0 ? (value - start) / width * kBins : 0;
    ++row[part < kBins ? static_cast<std::int64_t>(part) : kBins - 1];
  }
}

void RunRecorder::Rows::add(const Rows& others) {
  range.insert(range.end(), others.range.begin(), others.range.end());
  counts.insert(counts.end(), others.counts.begin(), others.counts.end());
}

void RunRecorder::on_fit_begin(Trainer& trainer) {
  if (seconds_.empty()) return;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : trainer.model().parameters())
    for (const std::string_view kind : {kParameters, kGradients}) names.push_back(join(kind, name));
  check_state("RunRecorder", "the model",
              kinds_of(static_cast<std::int64_t>(seconds_.size()), names), state(), where());
}

void RunRecorder::on_epoch_begin(Trainer& trainer) {
  if (trainer.position().batch == 0) epoch_seconds_ = 0;
  seconds_before_ = epoch_seconds_;
  start_ = steady_seconds();
}

// The step that follows drops the gradients.
void RunRecorder::on_backward_end(Trainer& trainer, const data::Batch&, const LossTotal&) {
  if (trainer.position().batch + 1 < trainer.batches_per_epoch()) return;
  gradients_.clear();
  for (const auto& [name, tensor] : trainer.model().parameters())
    gradients_[join(kGradients, name)].add(tensor.grad());
}

void RunRecorder::on_batch_end(Trainer&) {
  epoch_seconds_ = seconds_before_ + steady_seconds() - start_;
}

void RunRecorder::on_epoch_end(Trainer& trainer, const Logs&) {
  seconds_.push_back(epoch_seconds_);
  samples_per_second_.push_back(static_cast<double>(trainer.samples_seen()) / epoch_seconds_);
  for (const auto& [name, tensor] : trainer.model().parameters())
    histograms_[join(kParameters, name)].add(tensor);
  for (const auto& [name, rows] : gradients_) histograms_[name].add(rows);
  epoch_seconds_ = 0;
}

std::map<std::string, Tensor> RunRecorder::state() const {
  const auto epochs = static_cast<std::int64_t>(seconds_.size());
  std::map<std::string, Tensor> state{
      {kSeconds, Tensor::from(seconds_, {epochs}, Dtype::f64)},
      {kSamplesPerSecond, Tensor::from(samples_per_second_, {epochs}, Dtype::f64)},
      {kEpochSeconds, Tensor::full({}, epoch_seconds_, {.dtype = Dtype::f64})}};
  for (const auto& [name, rows] : histograms_) {
    state[join(name, kRange)] = Tensor::from(rows.range, {epochs, 2}, Dtype::f64);
    state[join(name, kCounts)] = Tensor::from(rows.counts, {epochs, kBins});
  }
  return state;
}

void RunRecorder::load_state(const std::map<std::string, Tensor>& state, Where where) {
  const auto seconds = state.find(kSeconds);
  const std::int64_t epochs =
      seconds != state.end() && seconds->second.rank() == 1 ? seconds->second.size(0) : 0;
  std::vector<std::string> names;  // compared with the model when training begins
  for (const auto& [name, tensor] : state)
    if (name.ends_with(kRange) && (name.starts_with(kParameters) || name.starts_with(kGradients)))
      names.push_back(name.substr(0, name.size() - kRange.size()));
  check_state("RunRecorder::load_state", "the callback", kinds_of(epochs, names), state, where);
  seconds_ = state.at(kSeconds).to_vector<double>();
  samples_per_second_ = state.at(kSamplesPerSecond).to_vector<double>();
  epoch_seconds_ = state.at(kEpochSeconds).item<double>();
  histograms_.clear();
  for (const std::string& name : names)
    histograms_[name] = {state.at(join(name, kRange)).to_vector<double>(),
                         state.at(join(name, kCounts)).to_vector<std::int64_t>()};
}

}  // namespace tenon
