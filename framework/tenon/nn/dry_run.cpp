#include "tenon/nn/dry_run_internal.h"
#include "tenon/nn/evaluation_scope_internal.h"
#include "tenon/nn/shard_context_internal.h"

namespace tenon::nn {

Tensor dry_run(Module& model, const Tensor& x, const CallObserver& observer, Where where) {
  const EvaluationScope evaluation(model);
  ShardContext discarded;  // buffer updates wait here, for nobody
  const ShardContextScope context(discarded);
  const CallObserverScope scope(observer);
  return model(x, where);
}

std::int64_t own_parameters(const Module& module) {
  std::int64_t count = module.num_parameters();
  for (const auto& [name, child] : module.children()) count -= child.num_parameters();
  return count;
}

}  // namespace tenon::nn
