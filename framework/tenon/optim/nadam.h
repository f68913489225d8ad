#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct NAdamOptions {
  double learning_rate = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;  ///< as in AdamW, instead of through the gradient
};

/// Adam with Nesterov's momentum (Dozat 2016), as in PyTorch; t counts a parameter's updates,
/// mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2):
///   g = gradient + weight_decay p; decoupled: p = (1 - learning_rate weight_decay) p instead
///   m = beta1 m + (1 - beta1) g
///   v = beta2 v + (1 - beta2) g^2
///   p = p - learning_rate ((1 - mu_t) g / (1 - mu_1 ... mu_t) + mu_t+1 m / (1 - mu_1 ... mu_t+1))
///         / (sqrt(v / (1 - beta2^t)) + epsilon)
class NAdam : public Optimizer {
 public:
  /// Throws DataError for options out of range.
  explicit NAdam(const ParameterList& parameters, NAdamOptions options = {},
                 Where where = Where::current());
  /// More parameters, with options of their own.
  void add_group(const ParameterList& parameters, NAdamOptions options,
                 Where where = Where::current());

 protected:
  void init(const Tensor& parameter, Slots& slots) override;
  void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
              double learning_rate) override;

 private:
  std::vector<NAdamOptions> options_;  // one a group
};

}  // namespace tenon::optim
