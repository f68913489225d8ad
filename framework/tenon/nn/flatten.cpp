#include "tenon/nn/flatten.h"

#include "tenon/core/call_path_internal.h"
#include "tenon/ops/shape.h"

namespace tenon::nn {

Tensor Flatten::forward(const Tensor& x) { return flatten(x, start_axis_, end_axis_, call_site()); }

}  // namespace tenon::nn
