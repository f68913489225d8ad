#include "tenon/kernels/matmul.h"

#include <cstring>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/kernels/onednn/matmul.h"
#include "tenon/kernels/product.h"
#include "tenon/kernels/reference/matmul.h"
#include "tenon/kernels/simd/product.h"
#include "tenon/kernels/simd/target.h"

namespace tenon::kernels {
namespace {

/// Below, oneDNN's 0.8 us a call are more than plain loops need.
constexpr double kLeastWorkForOneDnn = 1000;

/// oneDNN takes the matrices' sizes as they are, but computes some offsets in 32 bits.
bool fits_onednn(const Product& p) {
  constexpr std::int64_t kLimit = INT32_MAX / 4;
  return p.k > 0 && p.k <= kLimit / p.m && p.n <= kLimit / p.m && p.n <= kLimit / p.k;
}

Tensor as_rows(const Tensor& x) { return copy_to_strides(x, contiguous_strides(x.shape())); }

bool is_empty(const Product& p) { return p.m == 0 || p.n == 0 || p.batch_count() == 0; }

/// Copies the operands that oneDNN does not take first.
bool multiply_by_onednn(const char* operation, const Tensor& a, const Tensor& b,
                        const Product& product) {
  Product p = product;
  const Tensor& bias = product.bias;
  const onednn::Taken taken = onednn::taken_by_matmul(p);
  if (!taken.a || !taken.b)
    p = make_product(taken.a ? a : as_rows(a), taken.b ? b : as_rows(b), p.c);
  p.bias = bias.defined() && bias.strides()[0] != 1 ? as_rows(bias) : bias;
  p.activation = Activation::none;
  if (!onednn::multiply(operation, p, !taken.a + !taken.b)) return false;
  activate_in_place(p.c, product.activation);
  return true;
}

/// f32: ours are as fast as oneDNN's or faster up to 1024 x 1024 x 1024, several times as fast
/// below 64 x 64 x 64, and on AVX2 at all sizes. Beyond, oneDNN gains up to 14 % on AVX-512.
bool goes_to_simd(const Product& p) {
  static const bool is_avx512 = std::strcmp(simd::target_name(), "AVX-512") == 0;
  constexpr double kMostWork = 1.1e9;
  return p.c.dtype() == Dtype::f32 && p.k > 0 &&
         (!is_avx512 || p.work() <= kMostWork * static_cast<double>(p.batch_count()));
}

void multiply_by_simd(const char* operation, const Product& product) {
  KernelScope scope(operation, "simd");
  Product p = product;
  if (p.bias.defined() && p.bias.strides()[0] != 1) p.bias = as_rows(p.bias);
  simd::multiply(p);
}

/// The one place that chooses: from sizes, dtype and strides.
void multiply(const char* operation, const Tensor& a, const Tensor& b, const Tensor& c,
              const Tensor& bias = {}, Activation activation = Activation::none) {
  Product product = make_product(a, b, c);
  product.bias = bias;
  product.activation = activation;
  if (is_empty(product)) return;
  if (goes_to_simd(product)) return multiply_by_simd(operation, product);
  if (c.dtype() == Dtype::f32 && product.work() >= kLeastWorkForOneDnn && fits_onednn(product) &&
      multiply_by_onednn(operation, a, b, product))
    return;
  const KernelScope scope(operation, "reference");
  reference::multiply(product);
}

/// Whether x is a matrix with its rows innermost: what flattening a batch-inner image gives.
bool is_batch_inner_matrix(const Tensor& x) {
  return x.rank() == 2 && x.shape()[0] > 1 && x.shape()[1] > 1 && x.strides()[0] == 1 &&
         x.strides()[1] >= x.shape()[0];
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  const std::size_t a_rank = a.shape().rank(), b_rank = b.shape().rank();
  Shape shape = a_rank >= b_rank ? a.shape() : b.shape();
  const std::size_t rank = shape.rank();
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    const std::int64_t a_size = axis + a_rank < rank ? 1 : a.shape()[axis + a_rank - rank];
    const std::int64_t b_size = axis + b_rank < rank ? 1 : b.shape()[axis + b_rank - rank];
    shape[axis] = a_size == 1 ? b_size : a_size;
  }
  shape[rank - 2] = a.shape()[a_rank - 2];
  shape[rank - 1] = b.shape()[b_rank - 1];
  Tensor c = make_tensor(shape, a.dtype());
  multiply("matmul", a, b, c);
  return c;
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Activation activation) {
  const std::int64_t in = w.shape()[1], out = w.shape()[0];
  const Tensor rows =
      x.rank() == 1 ? make_view(x, {1, in}, {0, x.strides()[0]}, x.impl()->offset) : x;
  const Tensor w_transposed =
      make_view(w, {in, out}, {w.strides()[1], w.strides()[0]}, w.impl()->offset);
  Shape shape = rows.shape();
  shape[shape.rank() - 1] = out;
  const Order order = is_batch_inner_matrix(rows) ? Order::batch_inner : Order::rows;
  Tensor y = make_tensor(shape, strides_in_order(shape, order), x.dtype());

  multiply("linear", rows, w_transposed, y, bias, activation);
  return x.rank() == 1 ? make_view(y, {out}, {1}, 0) : y;
}

}  // namespace tenon::kernels
