#include "tenon/train/confusion_matrix.h"

#include <fmt/format.h>

#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/train/class_batch_internal.h"
#include "tenon/train/metric_internal.h"

namespace tenon::metrics {
namespace {

constexpr const char* kName = "ConfusionMatrix";
constexpr const char* kCounts = "counts";
// The matrix of more is larger than 8 GB.
constexpr std::int64_t kMostClasses = 1 << 15;

std::int64_t checked(std::int64_t num_classes, Where where) {
  if (num_classes < 1 || num_classes > kMostClasses)
    Fault(kName, where)
        .raise<DataError>(
            fmt::format("num_classes is {} but must be from 1 to {}", num_classes, kMostClasses));
  return num_classes;
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::int64_t num_classes, ClassificationOptions options,
                                 Where where)
    : Metric(options.name.empty() ? "confusion_matrix" : options.name),
      num_classes_(checked(num_classes, where)),
      options_(std::move(options)),
      counts_(static_cast<std::size_t>(num_classes * num_classes)) {}

void ConfusionMatrix::update(const Tensor& outputs, const Tensor& targets, Where where) {
  const ClassPlaces places = read_classes(kName, outputs, targets, num_classes_, options_, where);
  for (std::size_t i = 0; i < places.targets.size(); ++i) {
    if (places.predicted[i] == kNoClass)
      ++nan_count_;
    else
      ++counts_[static_cast<std::size_t>(places.targets[i] * num_classes_ + places.predicted[i])];
  }
}

double ConfusionMatrix::value() const {
  if (nan_count_ > 0) return kNan;
  std::int64_t correct = 0, count = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    count += counts_[i];
    if (i % static_cast<std::size_t>(num_classes_ + 1) == 0) correct += counts_[i];
  }
  return ratio(correct, count);
}

void ConfusionMatrix::reset() {
  counts_.assign(counts_.size(), 0);
  nan_count_ = 0;
}

Tensor ConfusionMatrix::counts() const {
  return Tensor::from(counts_, {num_classes_, num_classes_});
}

Tensor ConfusionMatrix::row_shares() const {
  std::vector<double> shares(counts_.size());
  const auto classes = static_cast<std::size_t>(num_classes_);
  for (std::size_t row = 0; row < counts_.size(); row += classes) {
    std::int64_t sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += counts_[row + c];
    for (std::size_t c = 0; c < classes; ++c) shares[row + c] = ratio(counts_[row + c], sum);
  }
  return Tensor::from(shares, {num_classes_, num_classes_}, Dtype::f64);
}

std::map<std::string, Tensor> ConfusionMatrix::state() const {
  return {{kCounts, counts()}, {kNanCount, Tensor::from(nan_count_)}};
}

void ConfusionMatrix::load_state(const std::map<std::string, Tensor>& state, Where where) {
  check_metric_state(
      *this, {{kCounts, {Dtype::i64, {num_classes_, num_classes_}}}, {kNanCount, kOneCount}}, state,
      where);
  counts_ = state.at(kCounts).to_vector<std::int64_t>();
  nan_count_ = state.at(kNanCount).item<std::int64_t>();
}

}  // namespace tenon::metrics
