#pragma once

#include <tenon/nn/nn.h>

#include <vector>

namespace tenon::models {

struct MlpOptions {
  Activation activation = Activation::relu;  ///< of every layer but the last
};

/// A multilayer perceptron: linear layers fc1, fc2, ... of the given sizes. x [N, ...] is flattened
/// to [N, sizes.front()]; the result is [N, sizes.back()], without activation. Rumelhart, Hinton
/// and Williams, "Learning representations by back-propagating errors", Nature 323, 1986.
class Mlp : public nn::Module {
 public:
  Mlp(const std::vector<std::int64_t>& sizes, Rng& rng, MlpOptions options = {},
      Where where = Where::current());
  Tensor forward(const Tensor& x) override;

 private:
  std::vector<nn::Linear*> layers_;
};

}  // namespace tenon::models
