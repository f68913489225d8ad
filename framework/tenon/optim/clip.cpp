#include "tenon/optim/clip.h"

#include <cmath>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/tensor.h"
#include "tenon/kernels/optimizer.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/elementwise.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {

// Both give the parameters new gradients: two parameters may share the storage of theirs.

double clip_grad_norm(const ParameterList& parameters, double max_norm, Where where) {
  check_not_negative("clip_grad_norm", "max_norm", max_norm, where);
  const NoGradGuard no_grad;
  double squares = 0;
  for (const auto& [name, tensor] : parameters)
    if (const Tensor gradient = tensor.grad(); gradient.defined())
      squares += kernels::sum_of_squares(gradient);

  const double norm = std::sqrt(squares);
  if (norm <= max_norm) return norm;
  const double scale = max_norm / norm;
  for (auto [name, tensor] : parameters)
    if (const Tensor gradient = tensor.grad(); gradient.defined())
      tensor.set_grad(multiply({gradient, where}, scale), where);
  return norm;
}

void clip_grad_value(const ParameterList& parameters, double max_value, Where where) {
  check_not_negative("clip_grad_value", "max_value", max_value, where);
  const NoGradGuard no_grad;
  for (auto [name, tensor] : parameters)
    if (const Tensor gradient = tensor.grad(); gradient.defined())
      tensor.set_grad(clamp(gradient, {.low = -max_value, .high = max_value}, where), where);
}

}  // namespace tenon::optim
