#include <algorithm>

#include "tenon/nn/evaluation_scope_internal.h"

namespace tenon::nn {

EvaluationScope::EvaluationScope(Module& model) {
  for (const auto& [name, module] : model.modules())
    if (module.is_training()) training_.push_back(&module);
  model.set_training(false);
}

EvaluationScope::~EvaluationScope() {
  // Parents come first: a child that was in evaluation must not be taken along.
  for (Module* module : training_) {
    std::vector<Module*> asleep;
    for (const auto& [name, below] : module->modules())
      if (std::find(training_.begin(), training_.end(), &below) == training_.end())
        asleep.push_back(&below);
    module->set_training(true);
    for (Module* below : asleep) below->set_training(false);
  }
}

}  // namespace tenon::nn
