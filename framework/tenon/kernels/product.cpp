#include "tenon/kernels/product.h"

#include <utility>

#include "tenon/core/tensor_internal.h"

namespace tenon::kernels {
namespace {

/// The stride of c's leading axis `axis` in an operand with `leading` axes of its own.
std::int64_t leading_stride(const Tensor& x, std::size_t leading, std::size_t axis) {
  const std::size_t own = x.shape().rank() - 2;
  if (axis + own < leading) return 0;
  const std::size_t own_axis = axis + own - leading;
  return x.shape()[own_axis] == 1 ? 0 : x.strides()[own_axis];
}

void push_batch_axis(Product& p, std::int64_t size, std::int64_t a, std::int64_t b,
                     std::int64_t c) {
  if (size == 1) return;
  if (p.batch_rank > 0) {
    const std::size_t last = p.batch_rank - 1;
    if (p.a_batch[last] == a * size && p.b_batch[last] == b * size && p.c_batch[last] == c * size) {
      p.batch[last] *= size;
      p.a_batch[last] = a;
      p.b_batch[last] = b;
      p.c_batch[last] = c;
      return;
    }
  }
  p.batch[p.batch_rank] = size;
  p.a_batch[p.batch_rank] = a;
  p.b_batch[p.batch_rank] = b;
  p.c_batch[p.batch_rank] = c;
  ++p.batch_rank;
}

/// Stacked a with one b is one taller a.
void merge_last_batch_axis_into_rows(Product& p) {
  while (p.batch_rank > 0) {
    const std::size_t last = p.batch_rank - 1;
    const bool single = p.m == 1;
    if (p.b_batch[last] != 0) return;
    if (!single && (p.a_batch[last] != p.m * p.a_row || p.c_batch[last] != p.m * p.c_row)) return;
    if (single) {
      p.a_row = p.a_batch[last];
      p.c_row = p.c_batch[last];
    }
    p.m *= p.batch[last];
    --p.batch_rank;
  }
}

}  // namespace

std::int64_t Product::batch_count() const {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < batch_rank; ++i) count *= batch[i];
  return count;
}

double Product::work() const {
  return static_cast<double>(batch_count()) * static_cast<double>(m) * static_cast<double>(n) *
         static_cast<double>(k);
}

Product Product::transposed() const {
  Product t = *this;
  std::swap(t.a, t.b);
  std::swap(t.m, t.n);
  t.a_row = b_column;
  t.a_column = b_row;
  t.b_row = a_column;
  t.b_column = a_row;
  std::swap(t.c_row, t.c_column);
  std::swap(t.a_batch, t.b_batch);
  t.bias_per_row = !bias_per_row;
  return t;
}

ProductOffsets offsets_of(const Product& product, std::int64_t batch_index) {
  ProductOffsets offsets;
  for (std::size_t i = product.batch_rank; i-- > 0;) {
    const std::int64_t index = batch_index % product.batch[i];
    batch_index /= product.batch[i];
    offsets.a += index * product.a_batch[i];
    offsets.b += index * product.b_batch[i];
    offsets.c += index * product.c_batch[i];
  }
  return offsets;
}

Product make_product(const Tensor& a, const Tensor& b, const Tensor& c) {
  const std::size_t leading = c.shape().rank() - 2;
  const std::size_t a_rank = a.shape().rank(), b_rank = b.shape().rank();
  Product p;
  p.a = a;
  p.b = b;
  p.c = c;
  p.m = c.shape()[leading];
  p.n = c.shape()[leading + 1];
  p.k = a.shape()[a_rank - 1];
  p.a_row = a.strides()[a_rank - 2];
  p.a_column = a.strides()[a_rank - 1];
  p.b_row = b.strides()[b_rank - 2];
  p.b_column = b.strides()[b_rank - 1];
  p.c_row = c.strides()[leading];
  p.c_column = c.strides()[leading + 1];
  for (std::size_t axis = 0; axis < leading; ++axis)
    push_batch_axis(p, c.shape()[axis], leading_stride(a, leading, axis),
                    leading_stride(b, leading, axis), c.strides()[axis]);
  merge_last_batch_axis_into_rows(p);
  return p;
}

}  // namespace tenon::kernels
