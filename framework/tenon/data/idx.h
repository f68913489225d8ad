#pragma once

#include <string>

#include "tenon/core/tensor.h"

namespace tenon::data {

/// Reads a file in the IDX format of MNIST, plain or compressed with gzip: a magic number that
/// names the element type and the rank, the sizes as 32-bit integers, and the elements in row-major
/// order, all big-endian (http://yann.lecun.com/exdb/mnist/). Elements keep their type: u8, i32,
/// f32, f64; 8- and 16-bit signed integers come as i32. Everything is checked before memory is
/// allocated. Throws DataError for a missing, truncated, oversized, corrupted or foreign file.
Tensor read_idx(const std::string& path, Where where = Where::current());

}  // namespace tenon::data
