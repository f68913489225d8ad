#include "tenon/ops/sort.h"

#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/sort.h"
#include "tenon/ops/index.h"

namespace tenon {
namespace {

/// The values are x gathered at the indices.
SortResult sorted(const char* operation, const Tensor& x, std::size_t along, std::int64_t k,
                  bool descending, Where where) {
  kernels::Sorted result = kernels::sort(x, along, k, descending);
  const auto axis = static_cast<std::int64_t>(along);
  Tensor values = record(
      operation, {x}, result.values,
      [shape = x.shape(), indices = Saved(result.indices), axis](const Tensor& dy,
                                                                 const Needs&) -> Gradients {
        return {scatter_add(Tensor::zeros(shape, {.dtype = dy.dtype()}), axis, indices.get(), dy)};
      },
      where);
  return {values, result.indices};
}

}  // namespace

SortResult sort(const Tensor& x, std::int64_t axis, SortOptions options, Where where) {
  check_defined("sort", "x", x, where);
  const std::size_t along = normalize_axis("sort", x, axis, where);
  return sorted("sort", x, along, x.shape()[along], options.descending, where);
}

SortResult topk(const Tensor& x, std::int64_t k, std::int64_t axis, TopkOptions options,
                Where where) {
  check_defined("topk", "x", x, where);
  const std::size_t along = normalize_axis("topk", x, axis, where);
  if (k < 0 || k > x.shape()[along])
    Fault("topk", where)
        .operand("x", x)
        .raise<ShapeError>(fmt::format("k = {} is not between 0 and {}, the size of axis {}", k,
                                       x.shape()[along], along));
  return sorted("topk", x, along, k, options.largest, where);
}

}  // namespace tenon
