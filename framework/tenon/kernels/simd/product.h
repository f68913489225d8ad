#pragma once

#include "tenon/kernels/product.h"

namespace tenon::kernels::simd {

/// The product of f32 matrices with k > 0, any strides; bias of stride 1. The activation has the
/// bits of the elementwise kernels. The bits do not depend on the number of threads.
void multiply(const Product& product);

}  // namespace tenon::kernels::simd
