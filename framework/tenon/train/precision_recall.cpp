#include "tenon/train/precision_recall.h"

#include <fmt/format.h>

#include "tenon/core/fault_internal.h"
#include "tenon/train/class_batch_internal.h"
#include "tenon/train/metric_internal.h"

namespace tenon::metrics {
namespace {

constexpr const char* kTruePositives = "true_positives";
constexpr const char* kPredicted = "predicted";
constexpr const char* kActual = "actual";

const char* suffix_of(Average average) {
  switch (average) {
    case Average::macro: break;
    case Average::micro: return "_micro";
    case Average::weighted: return "_weighted";
    case Average::binary: return "_binary";
  }
  return "";
}

PrecisionRecallOptions checked(const char* operation, const char* name,
                               PrecisionRecallOptions options, Where where) {
  if (options.num_classes < 0)
    Fault(operation, where)
        .raise<DataError>(fmt::format("num_classes is {} but must be at least 1, or 0 for as many "
                                      "as the first scores have",
                                      options.num_classes));
  if (options.average == Average::binary) {
    if (options.num_classes != 0 && options.num_classes != 2)
      Fault(operation, where)
          .raise<DataError>(fmt::format("num_classes is {} but Average::binary is of 2 classes",
                                        options.num_classes));
    options.num_classes = 2;
  }
  if (options.name.empty()) options.name = fmt::format("{}{}", name, suffix_of(options.average));
  return options;
}

}  // namespace

ClassFigure::ClassFigure(const char* operation, const char* name,
                         const PrecisionRecallOptions& options, Where where)
    : Metric(checked(operation, name, options, where).name),
      operation_(operation),
      options_(checked(operation, name, options, where)),
      counts_(static_cast<std::size_t>(options_.num_classes)) {}

void ClassFigure::update(const Tensor& outputs, const Tensor& targets, Where where) {
  const ClassPlaces places =
      read_classes(operation_, outputs, targets, static_cast<std::int64_t>(counts_.size()),
                   {.threshold = options_.threshold, .ignore_index = options_.ignore_index}, where);
  if (counts_.empty()) {
    if (places.classes == 0)
      Fault(operation_, where)
          .operand("outputs", outputs)
          .fix("Give num_classes in the options.")
          .raise<DataError>("class indices as outputs don't tell how many classes there are");
    counts_.resize(static_cast<std::size_t>(places.classes));
  }
  for (std::size_t i = 0; i < places.targets.size(); ++i) {
    if (places.predicted[i] == kNoClass) {
      ++nan_count_;
      continue;
    }
    Counts& predicted = counts_[static_cast<std::size_t>(places.predicted[i])];
    ++predicted.predicted;
    predicted.true_positives += places.predicted[i] == places.targets[i];
    ++counts_[static_cast<std::size_t>(places.targets[i])].actual;
  }
}

double ClassFigure::value_of(const Counts& counts) const {
  const Fraction fraction = figure(counts);
  return fraction.whole == 0 ? 0 : ratio(fraction.part, fraction.whole);
}

double ClassFigure::value() const {
  Counts all;
  std::int64_t occurring = 0;
  double sum = 0, weighted_sum = 0;
  for (const Counts& counts : counts_) {
    all.true_positives += counts.true_positives;
    all.predicted += counts.predicted;
    all.actual += counts.actual;
    occurring += counts.predicted + counts.actual > 0;
    sum += value_of(counts);
    weighted_sum += value_of(counts) * static_cast<double>(counts.actual);
  }
  if (nan_count_ > 0 || all.actual == 0) return kNan;
  switch (options_.average) {
    case Average::macro: break;
    case Average::micro: return value_of(all);
    case Average::weighted: return weighted_sum / static_cast<double>(all.actual);
    case Average::binary: return value_of(counts_[1]);
  }
  return sum / static_cast<double>(occurring);
}

Tensor ClassFigure::per_class() const {
  const bool is_nan = value() != value();
  std::vector<double> figures;
  for (const Counts& counts : counts_) figures.push_back(is_nan ? kNan : value_of(counts));
  return state_of(figures);
}

void ClassFigure::reset() {
  counts_.assign(static_cast<std::size_t>(options_.num_classes), {});
  nan_count_ = 0;
}

std::map<std::string, Tensor> ClassFigure::state() const {
  std::vector<std::int64_t> true_positives, predicted, actual;
  for (const Counts& counts : counts_) {
    true_positives.push_back(counts.true_positives);
    predicted.push_back(counts.predicted);
    actual.push_back(counts.actual);
  }
  return {{kTruePositives, state_of(true_positives)},
          {kPredicted, state_of(predicted)},
          {kActual, state_of(actual)},
          {kNanCount, Tensor::from(nan_count_)}};
}

void ClassFigure::load_state(const std::map<std::string, Tensor>& state, Where where) {
  const std::int64_t classes = options_.num_classes != 0
                                   ? options_.num_classes
                                   : length_in(state, {kActual, kPredicted, kTruePositives});
  const TensorKind per_class{Dtype::i64, {classes}};
  check_metric_state(*this,
                     {{kTruePositives, per_class},
                      {kPredicted, per_class},
                      {kActual, per_class},
                      {kNanCount, kOneCount}},
                     state, where);
  const auto read = [&](const char* name) { return state.at(name).to_vector<std::int64_t>(); };
  const std::vector<std::int64_t> true_positives = read(kTruePositives),
                                  predicted = read(kPredicted), actual = read(kActual);
  counts_.resize(static_cast<std::size_t>(classes));
  for (std::size_t c = 0; c < counts_.size(); ++c)
    counts_[c] = {true_positives[c], predicted[c], actual[c]};
  nan_count_ = state.at(kNanCount).item<std::int64_t>();
}

Precision::Precision(const PrecisionRecallOptions& options, Where where)
    : ClassFigure("Precision", "precision", options, where) {}
ClassFigure::Fraction Precision::figure(const Counts& counts) const {
  return {counts.true_positives, counts.predicted};
}

Recall::Recall(const PrecisionRecallOptions& options, Where where)
    : ClassFigure("Recall", "recall", options, where) {}
ClassFigure::Fraction Recall::figure(const Counts& counts) const {
  return {counts.true_positives, counts.actual};
}

F1::F1(const PrecisionRecallOptions& options, Where where)
    : ClassFigure("F1", "f1", options, where) {}
ClassFigure::Fraction F1::figure(const Counts& counts) const {
  return {2 * counts.true_positives, counts.predicted + counts.actual};
}

}  // namespace tenon::metrics
