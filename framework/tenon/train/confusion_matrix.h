#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/train/classification_options.h"
#include "tenon/train/metric.h"

namespace tenon::metrics {

/// How often class i was taken for class j, named "confusion_matrix". Outputs and targets: see
/// ClassificationOptions; scores must be of num_classes classes, one score a sample is of two.
///   metrics::ConfusionMatrix confusion(10);
///   for (const data::Batch& batch : loader.epoch(0))
///     confusion.update(model(batch.inputs), batch.targets);
///   const Tensor sevens = confusion.counts()[7];   // what the sevens were taken for
class ConfusionMatrix : public Metric {
 public:
  /// Throws DataError for less than one class.
  explicit ConfusionMatrix(std::int64_t num_classes, ClassificationOptions options = {},
                           Where where = Where::current());

  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;
  /// The share on the diagonal: the accuracy.
  double value() const override;
  void reset() override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

  /// [num_classes, num_classes] i64: samples of the row's class that were taken for the column's
  /// (scikit-learn's confusion_matrix). Those with a NaN among their scores are not in it.
  Tensor counts() const;
  /// Each row / its sum, f64: what became of each class. A class without samples has a row of NaN.
  Tensor row_shares() const;

 private:
  std::int64_t num_classes_;
  ClassificationOptions options_;
  std::vector<std::int64_t> counts_;
  std::int64_t nan_count_ = 0;
};

}  // namespace tenon::metrics
