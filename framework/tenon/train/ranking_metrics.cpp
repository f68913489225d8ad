#include "tenon/train/ranking_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/train/class_batch_internal.h"
#include "tenon/train/metric_internal.h"

namespace tenon::metrics {
namespace {

constexpr const char* kName = "AUROC";
constexpr const char* kScores = "scores";
constexpr const char* kLabels = "labels";

BinaryPlaces read(const Tensor& outputs, const Tensor& targets, std::int64_t ignore_index,
                  Where where) {
  check_floating(kName, outputs, where, "outputs");
  if (is_binary(outputs)) return read_binary(kName, outputs, targets, ignore_index, where);
  if (outputs.rank() < 2 || outputs.shape()[1] != 2)
    Fault(kName, where)
        .operand("outputs", outputs)
        .fix("Give the scores of two classes, [N], [N, 1] or [N, 2].")
        .raise<ShapeError>(fmt::format("outputs have shape {} but AUROC is of two classes",
                                       to_string(outputs.shape())));
  ScoredPlaces scored = read_scores(kName, outputs, targets, ignore_index, where);
  BinaryPlaces places;
  for (std::size_t i = 0; i < scored.size(); ++i)
    places.scores.push_back(scored.scores_of(i)[1] - scored.scores_of(i)[0]);
  places.targets = std::move(scored.targets);
  return places;
}

}  // namespace

AUROC::AUROC(AUROCOptions options)
    : Metric(options.name.empty() ? "auroc" : options.name), options_(std::move(options)) {}

void AUROC::update(const Tensor& outputs, const Tensor& targets, Where where) {
  const BinaryPlaces places = read(outputs, targets, options_.ignore_index, where);
  for (std::size_t i = 0; i < places.targets.size(); ++i) {
    if (std::isnan(places.scores[i])) {
      ++nan_count_;
      continue;
    }
    scores_.push_back(places.scores[i]);
    labels_.push_back(static_cast<std::uint8_t>(places.targets[i]));
  }
}

double AUROC::value() const {
  if (nan_count_ > 0) return kNan;
  std::vector<std::pair<double, std::uint8_t>> sorted(scores_.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = {scores_[i], labels_[i]};
  std::sort(sorted.begin(), sorted.end());

  // Pairs of a positive and a negative in the right order count two, those of equal scores one.
  std::int64_t halves = 0, positives = 0, negatives = 0;
  for (auto first = sorted.begin(); first != sorted.end();) {
    std::int64_t tied_positives = 0, tied_negatives = 0;
    auto last = first;
    for (; last != sorted.end() && last->first == first->first; ++last)
      ++(last->second != 0 ? tied_positives : tied_negatives);
    halves += tied_positives * (2 * negatives + tied_negatives);
    positives += tied_positives;
    negatives += tied_negatives;
    first = last;
  }
  return ratio(halves, 2 * positives * negatives);
}

void AUROC::reset() {
  scores_.clear();
  labels_.clear();
  nan_count_ = 0;
}

std::map<std::string, Tensor> AUROC::state() const {
  return {{kScores, state_of(scores_)},
          {kLabels, Tensor::from(labels_, {static_cast<std::int64_t>(labels_.size())}, Dtype::u8)},
          {kNanCount, Tensor::from(nan_count_)}};
}

void AUROC::load_state(const std::map<std::string, Tensor>& state, Where where) {
  const std::int64_t samples = length_in(state, {kScores, kLabels});
  check_metric_state(*this,
                     {{kScores, {Dtype::f64, {samples}}},
                      {kLabels, {Dtype::u8, {samples}}},
                      {kNanCount, kOneCount}},
                     state, where);
  std::vector<double> scores = state.at(kScores).to_vector<double>();
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (std::isnan(scores[i]))  // which no order can hold
      Fault("load_state", where)
          .operand(kScores, state.at(kScores))
          .raise<CheckpointError>(
              fmt::format("the state does not fit the metric {}: scores[{}] is NaN", name(), i));
  scores_ = std::move(scores);
  labels_ = state.at(kLabels).to_vector<std::uint8_t>();
  nan_count_ = state.at(kNanCount).item<std::int64_t>();
}

}  // namespace tenon::metrics
