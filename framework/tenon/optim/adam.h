#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
};

/// Adam (Kingma and Ba 2015), with amsgrad (Reddi et al. 2018), as in PyTorch; t counts a
/// parameter's updates:
///   g = gradient + weight_decay p
///   m = beta1 m + (1 - beta1) g
///   v = beta2 v + (1 - beta2) g^2; for the step amsgrad takes the largest so far
///   p = p - learning_rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
class Adam : public Optimizer {
 public:
  /// Throws DataError for options out of range.
  explicit Adam(const ParameterList& parameters, AdamOptions options = {},
                Where where = Where::current());
  /// More parameters, with options of their own.
  void add_group(const ParameterList& parameters, AdamOptions options,
                 Where where = Where::current());

 protected:
  void init(const Tensor& parameter, Slots& slots) override;
  void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
              double learning_rate) override;

 private:
  std::vector<AdamOptions> options_;  // one a group
};

}  // namespace tenon::optim
