#pragma once

#include "tenon/kernels/product.h"

namespace tenon::kernels::reference {

/// The product with plain loops: any strides, sums in double in the order of k, bias and activation
/// in double. Parallel over fixed blocks of c.
void multiply(const Product& product);

}  // namespace tenon::kernels::reference
