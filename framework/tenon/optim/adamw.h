#pragma once

#include <vector>

#include "tenon/optim/adam.h"

namespace tenon::optim {

struct AdamWOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): p = (1 - learning_rate
/// weight_decay) p, then Adam's step without decay.
class AdamW : public Optimizer {
 public:
  /// Throws DataError for options out of range.
  explicit AdamW(const ParameterList& parameters, AdamWOptions options = {},
                 Where where = Where::current());
  /// More parameters, with options of their own.
  void add_group(const ParameterList& parameters, AdamWOptions options,
                 Where where = Where::current());

 protected:
  void init(const Tensor& parameter, Slots& slots) override;
  void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
              double learning_rate) override;

 private:
  std::vector<AdamWOptions> options_;  // one a group
};

}  // namespace tenon::optim
