#pragma once

#include <map>
#include <string>

#include "tenon/core/tensor.h"
#include "tenon/nn/module.h"

namespace tenon {

/// An exponential moving average of a model's parameters: at first what they are after the first
/// step, then decay average + (1 - decay) parameter after each.
class WeightAverage {
 public:
  explicit WeightAverage(double decay) : decay_(decay) {}
  /// Whether there is one: not for a decay of 0, nor before the first step.
  bool is_there() const { return !average_.empty(); }

  void update(const nn::Module& model);
  /// Puts the average into the model.
  void copy_to(const nn::Module& model) const;
  const std::map<std::string, Tensor>& state() const { return average_; }
  void load_state(std::map<std::string, Tensor> average) { average_ = std::move(average); }

 private:
  double decay_;
  std::map<std::string, Tensor> average_;
};

/// The average in the place of the parameters for a while, if there is one.
class AverageScope {
 public:
  AverageScope(const WeightAverage& average, const nn::Module& model);
  ~AverageScope();
  AverageScope(const AverageScope&) = delete;
  AverageScope& operator=(const AverageScope&) = delete;

 private:
  const nn::Module& model_;
  std::map<std::string, Tensor> parameters_;
};

}  // namespace tenon
