#include "tenon/nn/layer_norm.h"

#include <fmt/format.h>

#include "tenon/nn/layer_internal.h"
#include "tenon/ops/norm.h"

namespace tenon::nn {

LayerNorm::LayerNorm(const Shape& shape, const LayerNormOptions& options, Where where)
    : shape_(shape), epsilon_(options.epsilon) {
  where = detail::construction_site(where);
  if (shape.rank() == 0)
    Fault("LayerNorm", where).raise<ShapeError>("shape needs at least one axis");
  for (const std::int64_t size : shape)
    check_at_least("LayerNorm", "each size of shape", size, 1, where);
  if (!(options.epsilon >= 0))
    Fault("LayerNorm", where)
        .raise<ShapeError>(fmt::format("epsilon must be at least 0 but is {}", options.epsilon));
  if (options.affine) {
    weight_ = &register_parameter({"weight", where}, Tensor::ones(shape, {}, where));
    bias_ = &register_parameter({"bias", where}, Tensor::zeros(shape, {}, where));
  }
}

Tensor LayerNorm::forward(const Tensor& x) {
  return layer_norm(x, shape_, weight(), bias(), {.epsilon = epsilon_}, call_site());
}

}  // namespace tenon::nn
