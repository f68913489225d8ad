#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tenon/core/tensor.h"
#include "tenon/train/metric.h"
#include "tenon/train/running_sum.h"

namespace tenon::metrics {

struct PerplexityOptions {
  std::int64_t ignore_index = -100;  ///< targets of this class index count nothing: padding
  std::string name = {};             ///< "perplexity"
};

/// exp of the mean cross entropy of all places, exp(sum of -log softmax(logits)_target / count),
/// named "perplexity"; C when every class is as likely as the others.
///   outputs: logits [N, C] or [N, C, ...], floating, the classes along axis 1 as in cross_entropy;
/// targets: class indices [N, ...], i64, i32 or u8. Computed in f64.
///   metrics::Perplexity perplexity({.ignore_index = padding});
///   for (const data::Batch& batch : loader.epoch(0))
///     perplexity.update(model(batch.inputs), batch.targets);
///   const double value = perplexity.value();
/// Throws ShapeError, DtypeError, or DataError for an index that is no class.
class Perplexity : public Metric {
 public:
  explicit Perplexity(PerplexityOptions options = {});

  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;
  double value() const override;
  void reset() override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

 private:
  PerplexityOptions options_;
  RunningSum cross_entropy_;
  std::int64_t count_ = 0;
};

}  // namespace tenon::metrics
