#pragma once

#include "tenon/kernels/product.h"

namespace tenon::kernels::onednn {

/// Which matrices oneDNN's matmul takes as they lie: row- or column-major, gaps allowed.
struct Taken {
  bool a = false;
  bool b = false;
};
Taken taken_by_matmul(const Product& product);

/// The product by oneDNN's matmul: f32, m, n, k > 0, c row- or column-major, no activation.
/// `reorders` counts the operands that were copied for it. Small products run on one thread. Large
/// ones give the same bits on any number of threads: a primitive that splits its work when it runs
/// is given fixed blocks of rows. Returns false, and has written nothing, for matrices that are not
/// taken or when oneDNN has only its slow reference.
bool multiply(const char* operation, const Product& product, int reorders);

}  // namespace tenon::kernels::onednn
