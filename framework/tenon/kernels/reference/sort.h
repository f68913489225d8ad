#pragma once

#include "tenon/kernels/sort.h"

namespace tenon::kernels::reference {

/// See kernels/sort.h.
Sorted sort(const Tensor& x, std::size_t axis, std::int64_t k, bool descending);

}  // namespace tenon::kernels::reference
