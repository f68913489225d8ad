#include "tenon/autograd/grad_mode.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/train/weight_average_internal.h"

namespace tenon {

void WeightAverage::update(const nn::Module& model) {
  if (decay_ == 0) return;
  const NoGradGuard no_grad;
  for (const auto& [name, parameter] : model.parameters()) {
    Tensor& average = average_[name];
    if (average.defined())
      average.copy_from(average * decay_ + parameter * (1 - decay_));
    else
      average = parameter.detach().clone();
  }
}

void WeightAverage::copy_to(const nn::Module& model) const {
  const NoGradGuard no_grad;
  for (auto [name, parameter] : model.parameters()) parameter.copy_from(average_.at(name));
}

AverageScope::AverageScope(const WeightAverage& average, const nn::Module& model) : model_(model) {
  if (!average.is_there()) return;
  const NoGradGuard no_grad;
  for (const auto& [name, parameter] : model.parameters())
    parameters_[name] = parameter.detach().clone();
  average.copy_to(model);
}

AverageScope::~AverageScope() {
  const NoGradGuard no_grad;
  if (parameters_.empty()) return;
  for (auto [name, parameter] : model_.parameters()) parameter.copy_from(parameters_.at(name));
}

}  // namespace tenon
