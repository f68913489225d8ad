#include "models/mlp.h"

#include <tenon/core/fault_internal.h>
#include <tenon/ops/shape.h>

#include <string>

namespace tenon::models {

Mlp::Mlp(const std::vector<std::int64_t>& sizes, Rng& rng, MlpOptions options, Where where) {
  where = nn::detail::construction_site(where);
  if (sizes.size() < 2)
    Fault("Mlp", where)
        .fix("Give the size of the input and of each layer: {784, 512, 10}.")
        .raise<ShapeError>("there must be at least two sizes, not " + std::to_string(sizes.size()));
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    const bool is_last = i + 1 == sizes.size();
    layers_.push_back(&child<nn::Linear>(
        {"fc" + std::to_string(i), where}, sizes[i - 1], sizes[i], rng,
        nn::LinearOptions{.activation = is_last ? Activation::none : options.activation}));
  }
}

Tensor Mlp::forward(const Tensor& x) {
  Tensor y = x.rank() > 2 ? flatten(x, 1) : x;
  for (nn::Linear* layer : layers_) y = (*layer)(y);
  return y;
}

}  // namespace tenon::models
