#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels {

/// Which elements a dropout keeps, boolean, in dense `strides`: element i (logical row-major) is
/// kept unless number (first_element + i) mod 4 of the Philox block (key, call, (first_element + i)
/// / 4) is below p * 2^32.
Tensor dropout_mask(const Shape& shape, const Strides& strides, double p, std::uint64_t key,
                    std::uint64_t call, std::int64_t first_element);
/// scale * x where the mask is true, else 0. Equal shapes, any strides.
Tensor apply_mask(const Tensor& x, const Tensor& mask, double scale);

}  // namespace tenon::kernels
