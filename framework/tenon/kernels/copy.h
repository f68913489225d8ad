#pragma once

#include "tenon/core/tensor.h"

namespace tenon::kernels {

// None of these bumps a version: the callers that write in place do.

/// destination = source, element by element: equal shapes, any strides, any dtypes (converted: to
/// an integer toward zero, saturating, NaN gives 0; to boolean whether it is not 0). They must not
/// overlap.
void copy(Tensor& destination, const Tensor& source);
/// Every element = value, converted in the same way.
void fill(Tensor& destination, double value);
/// A fresh tensor of x's values: in the given strides, or another dtype in x's order
/// (output_order).
Tensor copy_to_strides(const Tensor& x, const Strides& strides);
Tensor convert(const Tensor& x, Dtype dtype);
/// total += x: equal shapes and floating dtypes, any strides. For the engine, which alone adds
/// gradients.
void add_into(Tensor& total, const Tensor& x);

}  // namespace tenon::kernels
