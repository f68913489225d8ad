#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/train/metric.h"

namespace tenon::metrics {

struct AUROCOptions {
  std::int64_t ignore_index = -100;  ///< targets of this class index count nothing
  std::string name = {};             ///< "auroc"
};

/// The area under the receiver operating characteristic of two classes, named "auroc": how often a
/// sample of class 1 has a greater score than one of class 0, equal scores counting half (midranks;
/// Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve").
///   outputs: one score a sample, [N] or [N, 1], or those of both classes, [N, 2], of which the
/// difference x[1] - x[0] counts; floating, logits or probabilities; targets: 0 or 1, [N], or
/// probabilities as in ClassificationOptions.
///   metrics::AUROC auroc;
///   for (const data::Batch& batch : loader.epoch(0))
///     auroc.update(model(batch.inputs), batch.targets);
///   const double area = auroc.value();
/// NaN unless both classes occur. Exact: counted in integers and divided once, whatever the order
/// of the samples. It keeps all scores, 9 bytes a sample; value() sorts a copy of them.
class AUROC : public Metric {
 public:
  explicit AUROC(AUROCOptions options = {});

  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;
  double value() const override;
  void reset() override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

 private:
  AUROCOptions options_;
  std::vector<double> scores_;
  std::vector<std::uint8_t> labels_;
  std::int64_t nan_count_ = 0;
};

}  // namespace tenon::metrics
