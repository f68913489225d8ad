#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct LionOptions {
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
};

/// Lion (Chen et al. 2023, algorithm 2), with decoupled weight decay. Every element moves by the
/// learning rate, so it wants one 3 to 10 times below AdamW's, and a weight_decay as much above:
///   c = beta1 m + (1 - beta1) gradient
///   p = p - learning_rate (sign(c) + weight_decay p)
///   m = beta2 m + (1 - beta2) gradient
class Lion : public Optimizer {
 public:
  /// Throws DataError for options out of range.
  explicit Lion(const ParameterList& parameters, LionOptions options = {},
                Where where = Where::current());
  /// More parameters, with options of their own.
  void add_group(const ParameterList& parameters, LionOptions options,
                 Where where = Where::current());

 protected:
  void init(const Tensor& parameter, Slots& slots) override;
  void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
              double learning_rate) override;

 private:
  std::vector<LionOptions> options_;  // one a group
};

}  // namespace tenon::optim
