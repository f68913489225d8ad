#include "tenon/train/classification_metrics.h"

#include <fmt/format.h>

#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/train/class_batch_internal.h"
#include "tenon/train/metric_internal.h"

namespace tenon::metrics {
namespace {

constexpr const char* kCorrect = "correct";

TopKAccuracyOptions checked(TopKAccuracyOptions options, Where where) {
  if (options.k < 1)
    Fault("TopKAccuracy", where)
        .raise<DataError>(fmt::format("k is {} but must be at least 1", options.k));
  if (options.name.empty()) options.name = fmt::format("top_{}_accuracy", options.k);
  return options;
}

/// How many scores come before that of `target`.
std::int64_t rank_of(std::int64_t target, const double* scores, std::int64_t classes) {
  std::int64_t rank = 0;
  for (std::int64_t c = 0; c < classes; ++c)
    if (scores[c] > scores[target] || (scores[c] == scores[target] && c < target)) ++rank;
  return rank;
}

}  // namespace

void CorrectFraction::add(const Counts& counts) {
  counts_.correct += counts.correct;
  counts_.count += counts.count;
  counts_.nan_count += counts.nan_count;
}

double CorrectFraction::value() const {
  return counts_.nan_count > 0 ? kNan : ratio(counts_.correct, counts_.count);
}

void CorrectFraction::reset() { counts_ = {}; }

std::map<std::string, Tensor> CorrectFraction::state() const {
  return {{kCorrect, Tensor::from(counts_.correct)},
          {kCount, Tensor::from(counts_.count)},
          {kNanCount, Tensor::from(counts_.nan_count)}};
}

void CorrectFraction::load_state(const std::map<std::string, Tensor>& state, Where where) {
  check_metric_state(*this, {{kCorrect, kOneCount}, {kCount, kOneCount}, {kNanCount, kOneCount}},
                     state, where);
  counts_ = {.correct = state.at(kCorrect).item<std::int64_t>(),
             .count = state.at(kCount).item<std::int64_t>(),
             .nan_count = state.at(kNanCount).item<std::int64_t>()};
}

Accuracy::Accuracy(ClassificationOptions options)
    : CorrectFraction(options.name.empty() ? "accuracy" : options.name),
      options_(std::move(options)) {}

void Accuracy::update(const Tensor& outputs, const Tensor& targets, Where where) {
  const ClassPlaces places = read_classes("Accuracy", outputs, targets, 0, options_, where);
  Counts counts;
  for (std::size_t i = 0; i < places.targets.size(); ++i) {
    ++counts.count;
    counts.correct += places.predicted[i] == places.targets[i];
    counts.nan_count += places.predicted[i] == kNoClass;
  }
  add(counts);
}

TopKAccuracy::TopKAccuracy(TopKAccuracyOptions options, Where where)
    : CorrectFraction(checked(options, where).name), options_(std::move(options)) {}

void TopKAccuracy::update(const Tensor& outputs, const Tensor& targets, Where where) {
  constexpr const char* kName = "TopKAccuracy";
  const ScoredPlaces places = read_scores(kName, outputs, targets, options_.ignore_index, where);
  if (options_.k > places.classes)
    Fault(kName, where)
        .operand("outputs", outputs)
        .raise<ShapeError>(
            fmt::format("k is {} but there are {} classes", options_.k, places.classes));
  Counts counts;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double* scores = places.scores_of(i);
    ++counts.count;
    if (greatest(scores, places.classes) == kNoClass)
      ++counts.nan_count;
    else
      counts.correct += rank_of(places.targets[i], scores, places.classes) < options_.k;
  }
  add(counts);
}

}  // namespace tenon::metrics
