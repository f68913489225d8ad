#include "tenon/kernels/reference/loss.h"

#include <algorithm>

#include "tenon/kernels/copy.h"
#include "tenon/kernels/reference/class_weights_internal.h"

namespace tenon::kernels::reference {
namespace {

/// Visits each label, row-major, with the offset of its first class in x of this shape and strides.
template <class F>
void for_each_label(const Tensor& labels, std::size_t axis, const Strides& x_strides, F&& visit) {
  const Shape& shape = labels.shape();
  const std::int64_t* label = elements<std::int64_t>(labels);
  const std::int64_t count = labels.numel();
  for (std::int64_t at = 0; at < count; ++at) {
    std::int64_t rest = at;
    std::int64_t offset = 0;
    for (std::size_t i = shape.rank(); i-- > 0;) {
      offset += rest % shape[i] * x_strides[i < axis ? i : i + 1];
      rest /= shape[i];
    }
    visit(at, label[at], offset);
  }
}

}  // namespace

std::int64_t first_bad_label(const Tensor& labels, std::int64_t classes,
                             std::int64_t ignore_index) {
  const std::int64_t* label = elements<std::int64_t>(labels);
  const std::int64_t count = labels.numel();
  for (std::int64_t i = 0; i < count; ++i)
    if ((label[i] < 0 || label[i] >= classes) && label[i] != ignore_index) return i;
  return -1;
}

double counted_weight(const ClassTargets& targets) {
  const std::int64_t* label = elements<std::int64_t>(targets.labels);
  const std::int64_t count = targets.labels.numel();
  double total = 0;
  if (!targets.weight.defined()) {
    for (std::int64_t i = 0; i < count; ++i) total += label[i] != targets.ignore_index ? 1.0 : 0.0;
    return total;
  }
  visit_floating(targets.weight.dtype(), [&](auto zero) {
    const ClassWeights<decltype(zero)> weights(targets, targets.weight.numel());
    for (std::int64_t i = 0; i < count; ++i)
      if (label[i] != targets.ignore_index) total += weights[label[i]];
  });
  return total;
}

Tensor target_mass(const ClassTargets& targets, std::int64_t classes, Dtype dtype) {
  Tensor mass = make_tensor(targets.labels.shape(), dtype);
  const std::int64_t* label = elements<std::int64_t>(targets.labels);
  const std::int64_t count = targets.labels.numel();
  visit_floating(dtype, [&](auto zero) {
    using T = decltype(zero);
    const ClassWeights<T> weights(targets, classes);
    T* to = fresh_elements<T>(mass);
    for (std::int64_t i = 0; i < count; ++i)
      to[i] = label[i] != targets.ignore_index ? static_cast<T>(weights.mass(label[i])) : T{0};
  });
  return mass;
}

Tensor nll(const Tensor& x, const ClassTargets& targets, std::size_t axis) {
  Tensor losses = make_tensor(targets.labels.shape(), x.dtype());
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const ClassWeights<T> weights(targets, x.shape()[axis]);
    const T* from = elements<T>(x);
    const std::int64_t stride = x.strides()[axis];
    T* to = fresh_elements<T>(losses);
    for_each_label(targets.labels, axis, x.strides(),
                   [&](std::int64_t at, std::int64_t label, std::int64_t offset) {
                     to[at] = label != targets.ignore_index
                                  ? -static_cast<T>(weights[label]) * from[offset + label * stride]
                                  : T{0};
                   });
  });
  return losses;
}

Tensor nll_gradient(const Tensor& scale, const ClassTargets& targets, std::int64_t classes,
                    std::size_t axis) {
  Shape shape = targets.labels.shape();
  shape.insert(axis, classes);
  Tensor dx = make_tensor(shape, scale.dtype());
  const Tensor scales =
      scale.is_contiguous() ? scale : copy_to_strides(scale, contiguous_strides(scale.shape()));
  visit_floating(dx.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const ClassWeights<T> weights(targets, classes);
    const T* scale_of = elements<T>(scales);
    const std::int64_t stride = dx.strides()[axis];
    T* to = fresh_elements<T>(dx);
    std::fill_n(to, dx.numel(), T{0});
    for_each_label(targets.labels, axis, dx.strides(),
                   [&](std::int64_t at, std::int64_t label, std::int64_t offset) {
                     if (label != targets.ignore_index)
                       to[offset + label * stride] = -static_cast<T>(weights[label]) * scale_of[at];
                   });
  });
  return dx;
}

}  // namespace tenon::kernels::reference
