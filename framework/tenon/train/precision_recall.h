#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/train/classification_options.h"
#include "tenon/train/metric.h"

namespace tenon::metrics {

/// How the figures of the classes become one, as in scikit-learn.
enum class Average : std::uint8_t {
  macro,     ///< the mean over the classes that occur, as targets or predictions
  micro,     ///< the figure of all classes' counts together: with one class a sample, the accuracy
  weighted,  ///< the mean over the classes, weighted by how often they are targets
  binary,    ///< of class 1 alone, of two
};

struct PrecisionRecallOptions {
  Average average = Average::macro;
  std::int64_t num_classes = 0;      ///< 0: as many as the first scores have
  double threshold = 0;              ///< as in ClassificationOptions
  std::int64_t ignore_index = -100;  ///< targets of this class index count nothing
  std::string name = {};  ///< "precision", or "precision_micro" and so on for another average
};

/// What Precision, Recall and F1 share: for each class its true positives, how often it was
/// predicted, and how often it was the target. Outputs and targets: see ClassificationOptions.
/// Throws DataError for options out of range, and for class indices as outputs without num_classes.
class ClassFigure : public Metric {
 public:
  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;
  double value() const override;
  void reset() override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

  /// The figure of each class, [C] f64: 0 where it is 0 / 0, and NaN where value() is. [0] while
  /// the number of classes is unknown.
  Tensor per_class() const;

 protected:
  struct Counts {
    std::int64_t true_positives = 0;
    std::int64_t predicted = 0;
    std::int64_t actual = 0;
  };
  /// `operation` names the metric in errors, `name` in logs.
  ClassFigure(const char* operation, const char* name, const PrecisionRecallOptions& options,
              Where where);
  /// The numerator and denominator of the figure.
  struct Fraction {
    std::int64_t part;
    std::int64_t whole;
  };
  virtual Fraction figure(const Counts& counts) const = 0;

 private:
  double value_of(const Counts& counts) const;

  const char* operation_;
  PrecisionRecallOptions options_;
  std::vector<Counts> counts_;  // one a class
  std::int64_t nan_count_ = 0;
};

/// true positives / predicted: how many of those taken for a class are of it.
///   metrics::Precision precision;
///   precision.update(model(batch.inputs), batch.targets);
///   const double mean = precision.value();
///   const Tensor of_each_class = precision.per_class();
class Precision : public ClassFigure {
 public:
  explicit Precision(const PrecisionRecallOptions& options = {}, Where where = Where::current());

 protected:
  Fraction figure(const Counts& counts) const override;
};

/// true positives / actual: how many of a class are taken for it.
///   metrics::Recall recall({.average = metrics::Average::weighted});
class Recall : public ClassFigure {
 public:
  explicit Recall(const PrecisionRecallOptions& options = {}, Where where = Where::current());

 protected:
  Fraction figure(const Counts& counts) const override;
};

/// 2 true positives / (predicted + actual): the harmonic mean of precision and recall. Averages are
/// of the classes' F1 (not that of averages).
///   metrics::F1 f1({.average = metrics::Average::binary, .threshold = 0.5});
class F1 : public ClassFigure {
 public:
  explicit F1(const PrecisionRecallOptions& options = {}, Where where = Where::current());

 protected:
  Fraction figure(const Counts& counts) const override;
};

}  // namespace tenon::metrics
