#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tenon/core/tensor.h"
#include "tenon/train/classification_options.h"
#include "tenon/train/metric.h"

namespace tenon::metrics {

/// A metric that is the share of correct samples: what update() of a derived one counts.
class CorrectFraction : public Metric {
 public:
  double value() const override;
  void reset() override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

 protected:
  using Metric::Metric;

  struct Counts {
    std::int64_t correct = 0;
    std::int64_t count = 0;      ///< all samples
    std::int64_t nan_count = 0;  ///< those of them with a NaN
  };
  void add(const Counts& counts);

 private:
  Counts counts_;
};

/// correct samples / all samples, named "accuracy". Outputs and targets: see ClassificationOptions.
///   metrics::Accuracy accuracy;                     // of logits [N, C]
///   metrics::Accuracy binary({.threshold = 0.5});   // of one probability a sample, [N]
///   for (const data::Batch& batch : loader.epoch(0))
///     accuracy.update(model(batch.inputs), batch.targets);
///   const double share = accuracy.value();
class Accuracy : public CorrectFraction {
 public:
  explicit Accuracy(ClassificationOptions options = {});
  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;

 private:
  ClassificationOptions options_;
};

struct TopKAccuracyOptions {
  std::int64_t k = 5;
  std::int64_t ignore_index = -100;  ///< targets of this class index count nothing
  std::string name = {};             ///< "top_5_accuracy" for a k of 5
};

/// Samples whose class is among the k greatest scores / all samples; of equal scores the first
/// come first, as in topk: with k = 1 it is Accuracy.   outputs: [N, C] or [N, C, ...], floating;
/// targets: class indices [N, ...], or one-hot vectors or probabilities of the outputs' shape.
///   metrics::TopKAccuracy top_3({.k = 3});
///   top_3.update(model(batch.inputs), batch.targets);
/// Throws DataError for a k below 1, ShapeError for one above C.
class TopKAccuracy : public CorrectFraction {
 public:
  explicit TopKAccuracy(TopKAccuracyOptions options = {}, Where where = Where::current());
  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;

 private:
  TopKAccuracyOptions options_;
};

}  // namespace tenon::metrics
