#pragma once

#include <vector>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct RMSpropOptions {
  double learning_rate = 1e-2;
  double alpha = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
};

/// RMSprop (Tieleman and Hinton 2012; centered: Graves 2013), as in PyTorch:
///   g = gradient + weight_decay p
///   s = alpha s + (1 - alpha) g^2; centered: mean = alpha mean + (1 - alpha) g as well,
///       and s - mean^2 in place of s below
///   step = g / (sqrt(s) + epsilon)
///   m = momentum m + step, with momentum, and in place of the step
///   p = p - learning_rate step
class RMSprop : public Optimizer {
 public:
  /// Throws DataError for options out of range.
  explicit RMSprop(const ParameterList& parameters, RMSpropOptions options = {},
                   Where where = Where::current());
  /// More parameters, with options of their own.
  void add_group(const ParameterList& parameters, RMSpropOptions options,
                 Where where = Where::current());

 protected:
  void init(const Tensor& parameter, Slots& slots) override;
  void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
              double learning_rate) override;

 private:
  std::vector<RMSpropOptions> options_;  // one a group
};

}  // namespace tenon::optim
