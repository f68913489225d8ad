#include <fmt/format.h>

#include "tenon/autograd/node_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/kernels/copy.h"

namespace tenon {
namespace {

/// Throws GradientError when a write to x would have to be recorded.
void check_writable(const char* operation, const Tensor& x, Where where) {
  check_defined(operation, "x", x, where);
  if (is_recording() && x.requires_grad())
    Fault(operation, where)
        .operand("x", x)
        .fix("Write under a NoGradGuard: { const NoGradGuard no_grad; ... }")
        .raise<GradientError>(x.is_leaf()
                                  ? "in-place writes are not recorded, and x requires grad"
                                  : "in-place writes are not recorded, and x has a history");
  if (x.numel() > 0)
    for (std::size_t axis = 0; axis < x.shape().rank(); ++axis)
      if (x.strides()[axis] == 0 && x.shape()[axis] > 1)
        Fault(operation, where)
            .operand("x", x)
            .fix("Write to a clone() of it.")
            .raise<ShapeError>(
                "x is an expanded view: several of its elements are one place in memory");
}

}  // namespace

bool Tensor::requires_grad() const noexcept { return impl_ && impl_->node; }
bool Tensor::is_leaf() const noexcept { return !impl_ || !impl_->node || impl_->node->is_leaf; }

Tensor Tensor::set_requires_grad(bool requires_grad, Where where) {
  check_floating("set_requires_grad", *this, where);
  if (!is_leaf())
    Fault("set_requires_grad", where)
        .operand("x", *this)
        .fix("Use detach() to get its values without history.")
        .raise<GradientError>(
            "x is the result of a recorded operation; only leaves can be changed");
  if (!requires_grad) {
    impl_->node = {};
  } else if (!impl_->node) {
    impl_->node = new Node(*this, locate(where));
    impl_->output_index = 0;
  }
  return *this;
}

Tensor Tensor::grad() const {
  return requires_grad() && is_leaf() ? node_of(*this)->gradient : Tensor();
}

void Tensor::set_grad(const Tensor& gradient, Where where) {
  check_defined("set_grad", "x", *this, where);
  if (!requires_grad() || !is_leaf())
    Fault("set_grad", where)
        .operand("x", *this)
        .raise<GradientError>("only a leaf that requires grad has a gradient");
  if (gradient.defined() && (gradient.shape() != shape() || gradient.dtype() != dtype()))
    Fault("set_grad", where)
        .operand("x", *this)
        .operand("gradient", gradient)
        .raise<GradientError>("a gradient must have the shape and dtype of its tensor");
  node_of(*this)->gradient = gradient;
}

void Tensor::zero_grad() {
  if (requires_grad() && is_leaf()) node_of(*this)->gradient = none;
}

Tensor Tensor::detach() const { return make_view(*this, shape(), strides(), impl_->offset); }

void Tensor::register_hook(Function<Tensor(const Tensor& gradient)> hook, Where where) {
  check_defined("register_hook", "x", *this, where);
  if (!requires_grad())
    Fault("register_hook", where)
        .operand("x", *this)
        .raise<GradientError>("x does not require grad: no gradient will come");
  node_of(*this)->hooks.push_back({impl_->output_index, std::move(hook)});
}

void Tensor::fill(double value, Where where) {
  check_writable("fill", *this, where);
  kernels::fill(*this, value);
  bump_version(*this);
}

void Tensor::copy_from(const Tensor& source, Where where) {
  check_writable("copy_from", *this, where);
  check_defined("copy_from", "source", source, where);
  if (is_recording() && source.requires_grad())
    Fault("copy_from", where)
        .operand("source", source)
        .fix("Copy from source.detach(), or under a NoGradGuard.")
        .raise<GradientError>(
            "in-place writes are not recorded, and the source requires grad or has a history");
  if (source.shape() != shape())
    Fault("copy_from", where)
        .operand("x", *this)
        .operand("source", source)
        .raise<ShapeError>("the shapes differ");
  // A source that shares the memory (x and its transpose, say) is read before anything is written.
  const bool shared = source.impl()->storage.get() == impl_->storage.get();
  kernels::copy(*this, shared ? kernels::copy_to_strides(source, contiguous_strides(source.shape()))
                              : source);
  bump_version(*this);
}

void* Tensor::raw_mutable_data(Dtype wanted, Where where) {
  const void* memory = raw_data(wanted, where);
  check_writable("mutable_data", *this, where);
  bump_version(*this);
  return const_cast<void*>(memory);
}

}  // namespace tenon
