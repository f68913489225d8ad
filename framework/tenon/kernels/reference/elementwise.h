#pragma once

#include "tenon/kernels/elementwise.h"
#include "tenon/kernels/loop_internal.h"

namespace tenon::kernels::reference {

// Plain loops along one run, in the operands' own precision: the oracle, and the kernels of what
// simd/ does not have.

using UnaryKernel = void (*)(const Run& run, const Parameters& p, const void* x, void* y);
using BinaryKernel = void (*)(const Run& run, const Parameters& p, const void* a, const void* b,
                              void* y);
using WhereKernel = void (*)(const Run& run, const bool* condition, const void* a, const void* b,
                             void* y);

/// Null where the operation has no such dtype.
UnaryKernel find_unary(Unary operation, Dtype dtype);
BinaryKernel find_binary(Binary operation, Dtype dtype);
WhereKernel find_where(Dtype dtype);

}  // namespace tenon::kernels::reference
