#include "tenon/train/callback.h"

#include "tenon/core/fault_internal.h"

namespace tenon {

Callback::~Callback() = default;
void Callback::on_fit_begin(Trainer&) {}
void Callback::on_epoch_begin(Trainer&) {}
void Callback::on_backward_end(Trainer&, const data::Batch&, const LossTotal&) {}
void Callback::on_batch_end(Trainer&) {}
void Callback::on_epoch_end(Trainer&, const Logs&) {}
void Callback::on_checkpoint(Trainer&) {}
void Callback::on_fit_end(Trainer&) {}

std::map<std::string, Tensor> Callback::state() const { return {}; }

void Callback::load_state(const std::map<std::string, Tensor>& state, Where where) {
  if (!state.empty())
    Fault("Callback::load_state", where)
        .raise<CheckpointError>("a callback without state cannot take over " +
                                state.begin()->first);
}

}  // namespace tenon
