#pragma once

#include <cstdint>

#include "tenon/nn/call_observer_internal.h"
#include "tenon/nn/module.h"

namespace tenon::nn {

/// What the model returns for x in evaluation. `observer` sees the calls of its modules. Leaves
/// training flags and buffers as they were.
Tensor dry_run(Module& model, const Tensor& x, const CallObserver& observer, Where where);

/// Elements of the parameters that are new in this module itself, not in its children.
std::int64_t own_parameters(const Module& module);

}  // namespace tenon::nn
