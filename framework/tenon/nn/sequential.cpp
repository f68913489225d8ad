#include "tenon/nn/sequential.h"

#include <fmt/format.h>

#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"

namespace tenon::nn {

Module& Sequential::at(std::size_t i, Where where) const {
  if (i >= layers_.size())
    Fault("Sequential::at", where)
        .raise<ShapeError>(fmt::format("there is no layer {} among {} layers", i, layers_.size()));
  return *layers_[i];
}

Tensor Sequential::forward(const Tensor& x) {
  const Where where = call_site();
  Tensor y = x;
  for (Module* layer : layers_) y = (*layer)(y, where);
  return y;
}

}  // namespace tenon::nn
