#include "tenon/kernels/copy.h"

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {

/// y = x in another dtype; x itself if it has it already.   dx = dy in x's dtype
Tensor Tensor::to(Dtype dtype, Where where) const {
  check_defined("to", "x", *this, where);
  const Dtype from = this->dtype();
  if (dtype == from) return *this;
  return record(
      "to", {*this}, kernels::convert(*this, dtype),
      [from](const Tensor& dy, const Needs&) -> Gradients { return {dy.to(from)}; }, where);
}

/// y = x in memory of its own, in x's order.   dx = dy
Tensor Tensor::clone(Where where) const {
  check_defined("clone", "x", *this, where);
  return record(
      "clone", {*this}, kernels::copy_to_strides(*this, output_order(shape(), {this})),
      [](const Tensor& dy, const Needs&) -> Gradients { return {dy}; }, where);
}

/// y = x in rows; x itself if it is.   dx = dy
Tensor Tensor::contiguous(Where where) const {
  check_defined("contiguous", "x", *this, where);
  if (is_contiguous()) return *this;
  return record(
      "contiguous", {*this}, kernels::copy_to_strides(*this, contiguous_strides(shape())),
      [](const Tensor& dy, const Needs&) -> Gradients { return {dy}; }, where);
}

}  // namespace tenon
