#include "tenon/train/nan_stop.h"

#include <fmt/format.h>

#include <cmath>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/kernels/optimizer.h"
#include "tenon/train/trainer.h"

namespace tenon {

void NanStop::on_backward_end(Trainer& trainer, const data::Batch& batch, const LossTotal& loss) {
  std::string what;
  if (!std::isfinite(loss.sum)) what = fmt::format("the loss is {}", loss.mean());
  for (const auto& [name, tensor] : trainer.model().parameters()) {
    if (!what.empty()) break;
    const Tensor gradient = tensor.grad();
    if (!gradient.defined()) continue;
    const double squares = kernels::sum_of_squares(gradient);
    if (!std::isfinite(squares)) what = fmt::format("the gradient of {} is not finite", name);
  }
  if (what.empty()) return;
  std::string cause;
  try {
    const AnomalyGuard anomaly;
    trainer.run_backward(batch);
  } catch (const Error& error) {
    cause = fmt::format("\n{}", error.what());
  }
  trainer.stop(what + cause);
}

}  // namespace tenon
