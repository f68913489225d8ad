#pragma once

#include <vector>

#include "tenon/nn/module.h"

namespace tenon::nn {

/// Evaluation mode for a while, for each module that was in training.
class EvaluationScope {
 public:
  explicit EvaluationScope(Module& model);
  ~EvaluationScope();
  EvaluationScope(const EvaluationScope&) = delete;
  EvaluationScope& operator=(const EvaluationScope&) = delete;

 private:
  std::vector<Module*> training_;
};

}  // namespace tenon::nn
