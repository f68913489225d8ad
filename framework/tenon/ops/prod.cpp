#include <vector>

#include "tenon/autograd/record.h"
#include "tenon/kernels/reduce.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/reduce_internal.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

/// Along the last axis, the product of all elements but this one. Halves are multiplied with each
/// other, so that n elements take 2 n products in log2(n) steps, none of them a division.
Tensor others_product(const Tensor& x) {
  const std::int64_t n = x.size(-1);
  if (n == 1) return ones_like(x);
  const std::int64_t half = n / 2;
  const Tensor a = slice(x, -1, {.start = 0, .stop = half});
  const Tensor b = slice(x, -1, {.start = half, .stop = 2 * half});
  Tensor pairs = a * b;
  if (n % 2 != 0) pairs = concat({pairs, slice(x, -1, {.start = n - 1, .stop = n})}, -1);
  const Tensor others = others_product(pairs);
  const Tensor of_pairs = n % 2 != 0 ? slice(others, -1, {.start = 0, .stop = half}) : others;
  std::vector<Tensor> parts = {of_pairs * b, of_pairs * a};
  if (n % 2 != 0) parts.push_back(slice(others, -1, {.start = half, .stop = half + 1}));
  return concat(parts, -1);
}

/// The same over any axes.
Tensor others_product(const Tensor& x, ReducedAxes reduced) {
  const Shape& shape = x.shape();
  std::vector<std::int64_t> order;
  Shape flat;
  Shape moved;
  for (const bool wanted : {false, true})
    for (std::size_t i = 0; i < shape.rank(); ++i) {
      if (reduced[i] != wanted) continue;
      order.push_back(static_cast<std::int64_t>(i));
      moved.push_back(shape[i]);
      if (!wanted) flat.push_back(shape[i]);
    }
  flat.push_back(reduced.count(shape));
  std::vector<std::int64_t> back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);

  const Tensor products = others_product(reshape(permute(x, Axes(order)), flat));
  return permute(reshape(products, moved), Axes(back));
}

}  // namespace

Tensor prod(const Tensor& x, const Axes& axes, ReduceOptions options, Where where) {
  const ReducedAxes reduced = reduced_axes("prod", x, axes, options.keepdim, where);
  Tensor y = kernels::prod(x, axes, options.keepdim);

  return record(
      "prod", {x}, y,
      [x = Saved(x), reduced](const Tensor& dy, const Needs&) -> Gradients {
        if (x.shape().rank() == 0 || x.shape().numel() == 0)
          return {expand_reduced(dy, x.shape(), reduced)};
        return {expand_reduced(dy, x.shape(), reduced) * others_product(x.get(), reduced)};
      },
      where);
}

}  // namespace tenon
