#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct AdagradOptions {
  double learning_rate = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double epsilon = 1e-10;
};

/// Adagrad (Duchi, Hazan and Singer 2011), as in PyTorch; t counts a parameter's updates, s starts
/// as initial_accumulator_value:
///   g = gradient + weight_decay p
///   s = s + g^2
///   p = p - learning_rate / (1 + (t - 1) lr_decay) g / (sqrt(s) + epsilon)
class Adagrad : public Optimizer {
 public:
  /// Throws DataError for options out of range.
  explicit Adagrad(const ParameterList& parameters, AdagradOptions options = {},
                   Where where = Where::current());
  /// More parameters, with options of their own.
  void add_group(const ParameterList& parameters, AdagradOptions options,
                 Where where = Where::current());

 protected:
  void init(const Tensor& parameter, Slots& slots) override;
  void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
              double learning_rate) override;

 private:
  std::vector<AdagradOptions> options_;  // one a group
};

}  // namespace tenon::optim
