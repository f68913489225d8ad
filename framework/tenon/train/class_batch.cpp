#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/ops/loss_internal.h"
#include "tenon/train/class_batch_internal.h"

namespace tenon::metrics {
namespace {

/// The error of a batch. Only a batch that has one pays for its text, which takes as long as all
/// the rest.
struct BatchFault {
  const char* operation;
  const Tensor& outputs;
  const Tensor& targets;
  Where where;

  Fault operator()() const {
    return Fault(operation, where).operand("outputs", outputs).operand("targets", targets);
  }
  template <class E>
  [[noreturn]] void raise(std::string_view what) const {
    (*this)().raise<E>(what);
  }
};

bool is_index(const Tensor& x) { return !is_floating(x.dtype()); }

Shape without_axis_1(const Tensor& outputs) {
  Shape shape = outputs.shape();
  shape.erase(1);
  return shape;
}

/// [N, C, ...] with the classes innermost.
std::vector<double> classes_innermost(const Tensor& x) {
  std::vector<double> values = x.to_vector<double>();
  if (x.rank() == 2) return values;
  std::vector<double> moved(values.size());
  const Shape& shape = x.shape();
  const std::int64_t samples = shape[0], classes = shape[1];
  std::int64_t inner = 1;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) inner *= shape[axis];
  for (std::int64_t n = 0, from = 0; n < samples; ++n)
    for (std::int64_t c = 0; c < classes; ++c)
      for (std::int64_t i = 0; i < inner; ++i, ++from)
        moved[static_cast<std::size_t>((n * inner + i) * classes + c)] =
            values[static_cast<std::size_t>(from)];
  return moved;
}

std::vector<std::int64_t> likeliest_classes(const BatchFault& fault, const Tensor& targets) {
  const std::vector<double> values = classes_innermost(targets);
  const std::int64_t classes = targets.shape()[1];
  std::vector<std::int64_t> labels(values.size() / static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = greatest(values.data() + i * static_cast<std::size_t>(classes), classes);
    if (labels[i] == kNoClass)
      fault.raise<DataError>(fmt::format("the probabilities of target {} have a NaN", i));
  }
  return labels;
}

/// The targets of single scores; ignored ones keep the ignored index.
std::vector<std::int64_t> binary_labels(const BatchFault& fault, const Tensor& targets,
                                        std::int64_t ignore_index) {
  if (is_index(targets)) {
    std::vector<std::int64_t> labels = targets.to_vector<std::int64_t>();
    for (std::size_t i = 0; i < labels.size(); ++i)
      if (labels[i] != 0 && labels[i] != 1 && labels[i] != ignore_index)
        fault.raise<DataError>(fmt::format(
            "target {} is {}, but one score a sample is of classes 0 and 1 alone", i, labels[i]));
    return labels;
  }
  const std::vector<double> values = targets.to_vector<double>();
  std::vector<std::int64_t> labels(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] >= 0 && values[i] <= 1))
      fault.raise<DataError>(
          fmt::format("target {} is {} but a probability is in [0, 1]", i, values[i]));
    labels[i] = values[i] > 0.5 ? 1 : 0;
  }
  return labels;
}

void check_class_count(const BatchFault& fault, std::int64_t found, std::int64_t classes) {
  if (classes != 0 && found != classes)
    fault.raise<ShapeError>(
        fmt::format("outputs are of {} classes but {} are counted", found, classes));
}

ClassPlaces read_predictions(const char* operation, const Tensor& outputs, const Tensor& targets,
                             std::int64_t classes, std::int64_t ignore_index, Where where) {
  const BatchFault fault{operation, outputs, targets, where};
  if (!is_index(targets))
    fault()
        .fix("Give the scores of the classes as floating outputs, or the targets as class indices.")
        .raise<DtypeError>(fmt::format("outputs are {}, class indices, but targets are {}",
                                       to_string(outputs.dtype()), to_string(targets.dtype())));
  if (!(outputs.shape() == targets.shape()))
    fault.raise<ShapeError>(fmt::format("outputs are class indices of shape {} but targets {}",
                                        to_string(outputs.shape()), to_string(targets.shape())));
  const std::vector<std::int64_t> predicted = outputs.to_vector<std::int64_t>(),
                                  labels = targets.to_vector<std::int64_t>();
  const auto check = [&](const char* what, std::size_t i, std::int64_t label) {
    if (label < 0 || (classes != 0 && label >= classes))
      fault()
          .note(fmt::format("ignore_index is {}.", ignore_index))
          .raise<DataError>(
              classes != 0
                  ? fmt::format("{} {} is {}, but there are {} classes", what, i, label, classes)
                  : fmt::format("{} {} is {}, which is no class index", what, i, label));
  };
  ClassPlaces places;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == ignore_index) continue;
    check("output", i, predicted[i]);
    check("target", i, labels[i]);
    places.predicted.push_back(predicted[i]);
    places.targets.push_back(labels[i]);
  }
  return places;
}

}  // namespace

std::int64_t greatest(const double* scores, std::int64_t classes) {
  std::int64_t best = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    if (std::isnan(scores[c])) return kNoClass;
    if (scores[c] > scores[best]) best = c;
  }
  return best;
}

ScoredPlaces read_scores(const char* operation, const Tensor& outputs, const Tensor& targets,
                         std::int64_t ignore_index, Where where) {
  check_floating(operation, outputs, where, "outputs");
  check_defined(operation, "targets", targets, where);
  const BatchFault fault{operation, outputs, targets, where};
  if (outputs.rank() < 2 || outputs.shape()[1] == 0)
    fault.raise<ShapeError>(fmt::format("outputs have shape {} but scores of classes are [N, C]",
                                        to_string(outputs.shape())));
  const bool are_indices = !(targets.shape() == outputs.shape());
  const std::vector<std::int64_t> labels =
      are_indices ? class_targets(operation, "outputs", outputs, targets, {}, ignore_index, where)
                        .labels.to_vector<std::int64_t>()
                  : likeliest_classes(fault, targets);

  ScoredPlaces places;
  places.classes = outputs.shape()[1];
  places.scores = classes_innermost(outputs);
  const auto classes = static_cast<std::size_t>(places.classes);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (are_indices && labels[i] == ignore_index) continue;
    for (std::size_t c = 0; kept != i && c < classes; ++c)
      places.scores[kept * classes + c] = places.scores[i * classes + c];
    places.targets.push_back(labels[i]);
    ++kept;
  }
  places.scores.resize(kept * classes);
  return places;
}

bool is_binary(const Tensor& outputs) {
  return outputs.rank() == 1 || (outputs.rank() >= 2 && outputs.shape()[1] == 1);
}

BinaryPlaces read_binary(const char* operation, const Tensor& outputs, const Tensor& targets,
                         std::int64_t ignore_index, Where where) {
  check_floating(operation, outputs, where, "outputs");
  check_defined(operation, "targets", targets, where);
  const BatchFault fault{operation, outputs, targets, where};
  if (!(targets.shape() == outputs.shape()) &&
      (outputs.rank() < 2 || !(targets.shape() == without_axis_1(outputs))))
    fault.raise<ShapeError>(fmt::format("outputs are one score a sample, {}, but targets have {}",
                                        to_string(outputs.shape()), to_string(targets.shape())));
  const std::vector<double> scores = outputs.to_vector<double>();
  const std::vector<std::int64_t> labels = binary_labels(fault, targets, ignore_index);
  const bool are_indices = is_index(targets);
  BinaryPlaces places;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (are_indices && labels[i] == ignore_index) continue;
    places.scores.push_back(scores[i]);
    places.targets.push_back(labels[i]);
  }
  return places;
}

ClassPlaces read_classes(const char* operation, const Tensor& outputs, const Tensor& targets,
                         std::int64_t classes, const ClassificationOptions& options, Where where) {
  check_defined(operation, "outputs", outputs, where);
  check_defined(operation, "targets", targets, where);
  if (is_index(outputs))
    return read_predictions(operation, outputs, targets, classes, options.ignore_index, where);
  ClassPlaces places;
  if (is_binary(outputs)) {
    check_class_count({operation, outputs, targets, where}, 2, classes);
    BinaryPlaces binary = read_binary(operation, outputs, targets, options.ignore_index, where);
    places.classes = 2;
    for (const double score : binary.scores)
      places.predicted.push_back(std::isnan(score) ? kNoClass : score > options.threshold);
    places.targets = std::move(binary.targets);
    return places;
  }
  ScoredPlaces scored = read_scores(operation, outputs, targets, options.ignore_index, where);
  check_class_count({operation, outputs, targets, where}, scored.classes, classes);
  places.classes = scored.classes;
  for (std::size_t i = 0; i < scored.size(); ++i)
    places.predicted.push_back(greatest(scored.scores_of(i), scored.classes));
  places.targets = std::move(scored.targets);
  return places;
}

}  // namespace tenon::metrics
