#pragma once

#include <cstdint>

#include "tenon/kernels/elementwise.h"

namespace tenon::kernels::simd {

// f32 along one line, for the instruction set of the machine. An element's bits depend on its
// operands alone, not on its place in the line. y may be an operand.

bool has(Unary operation);
bool has(Binary operation);

/// y[i] = f(x[i]).
void unary(Unary operation, const Parameters& p, const float* x, float* y, std::int64_t count);
/// y[i] = f(a[i], b[i]); `repeat_a`: a[0] throughout.
void binary(Binary operation, const Parameters& p, const float* a, bool repeat_a, const float* b,
            bool repeat_b, float* y, std::int64_t count);
/// y[i] = activation(x[i]); none copies.
void activate(Activation activation, const float* x, float* y, std::int64_t count);

}  // namespace tenon::kernels::simd
