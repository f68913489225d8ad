#include "tenon/train/early_stopping.h"

#include <fmt/format.h>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/nn/differences_internal.h"
#include "tenon/train/trainer.h"

namespace tenon {
namespace {

constexpr const char* kBest = "best";
constexpr const char* kBestEpoch = "best_epoch";
constexpr const char* kWaited = "waited";
constexpr std::string_view kModel =
    "model/";  // before the names of the best parameters and buffers

template <class F>
void for_each_tensor(const nn::Module& model, F visit) {
  for (const ParameterList& list : {model.parameters(), model.buffers()})
    for (const auto& [name, tensor] : list) visit(std::string(kModel) + name, tensor);
}

}  // namespace

EarlyStopping::EarlyStopping(EarlyStoppingOptions options, Where where)
    : options_(std::move(options)), best_(worst_of(options_.monitor)) {
  if (options_.patience < 0)
    Fault("EarlyStopping", where)
        .raise<DataError>(fmt::format("patience is {} but must be at least 0", options_.patience));
  if (!(options_.monitor.least_improvement >= 0))
    Fault("EarlyStopping", where)
        .raise<DataError>(fmt::format("least_improvement is {} but must be at least 0",
                                      options_.monitor.least_improvement));
}

void EarlyStopping::on_fit_begin(Trainer& trainer) {
  if (options_.restore_best && trainer.options().average_decay > 0)
    Fault("EarlyStopping", where())
        .fix("Leave out one of the two.")
        .raise<DataError>(
            "restore_best would put weights back whose average, not they, had the best figure");
  stop_if_due(trainer);
  if (best_model_.empty()) return;
  std::map<std::string, TensorKind> wanted;
  for_each_tensor(trainer.model(), [&](const std::string& name, const Tensor& tensor) {
    wanted[name] = kind_of(tensor);
  });
  check_state("EarlyStopping", "the model", wanted, best_model_, where());
}

void EarlyStopping::on_epoch_end(Trainer& trainer, const Logs& logs) {
  const NoGradGuard no_grad;
  const double value = logs.at(options_.monitor.name, where());
  if (is_better(options_.monitor, value, best_)) {
    best_ = value;
    best_epoch_ = trainer.position().epoch - 1;
    waited_ = 0;
    if (options_.restore_best)
      for_each_tensor(trainer.model(), [&](const std::string& name, const Tensor& tensor) {
        best_model_[name] = tensor.clone();
      });
    return;
  }
  ++waited_;
  stop_if_due(trainer);
}

void EarlyStopping::stop_if_due(Trainer& trainer) const {
  if (waited_ > options_.patience)
    trainer.stop(fmt::format("{} has not improved on {} for {} epochs", options_.monitor.name,
                             best_, waited_));
}

// Not when training stops: the checkpoints of that moment hold what was trained.
void EarlyStopping::on_fit_end(Trainer& trainer) {
  if (waited_ <= options_.patience || best_model_.empty()) return;
  const NoGradGuard no_grad;
  for_each_tensor(trainer.model(), [&](const std::string& name, Tensor tensor) {
    tensor.copy_from(best_model_.at(name));
  });
}

std::map<std::string, Tensor> EarlyStopping::state() const {
  std::map<std::string, Tensor> state = best_model_;
  state[kBest] = Tensor::full({}, best_, {.dtype = Dtype::f64});
  state[kBestEpoch] = Tensor::from(best_epoch_);
  state[kWaited] = Tensor::from(waited_);
  return state;
}

void EarlyStopping::load_state(const std::map<std::string, Tensor>& state, Where where) {
  std::map<std::string, TensorKind> wanted{
      {kBest, {Dtype::f64, {}}}, {kBestEpoch, {Dtype::i64, {}}}, {kWaited, {Dtype::i64, {}}}};
  std::map<std::string, Tensor> best_model;
  for (const auto& [name, tensor] : state)
    if (name.starts_with(kModel)) {
      wanted[name] = kind_of(tensor);  // compared with the model when training begins
      best_model[name] = tensor.clone();
    }
  check_state("EarlyStopping::load_state", "the callback", wanted, state, where);
  best_ = state.at(kBest).item<double>();
  best_epoch_ = state.at(kBestEpoch).item<std::int64_t>();
  waited_ = state.at(kWaited).item<std::int64_t>();
  best_model_ = std::move(best_model);
}

}  // namespace tenon
