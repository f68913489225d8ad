#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct SGDOptions {
  double learning_rate = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;  ///< needs a momentum and no dampening
};

/// Stochastic gradient descent, with the momentum of Polyak (1964) or Nesterov (1983), as in
/// PyTorch:
///   g = gradient + weight_decay p
///   m = momentum m + (1 - dampening) g, at first g
///   p = p - learning_rate m, or, with nesterov, p - learning_rate (g + momentum m)
class SGD : public Optimizer {
 public:
  /// Throws DataError for options out of range.
  explicit SGD(const ParameterList& parameters, SGDOptions options = {},
               Where where = Where::current());
  /// More parameters, with options of their own.
  void add_group(const ParameterList& parameters, SGDOptions options,
                 Where where = Where::current());

 protected:
  void init(const Tensor& parameter, Slots& slots) override;
  void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
              double learning_rate) override;

 private:
  std::vector<SGDOptions> options_;  // one a group
};

}  // namespace tenon::optim
