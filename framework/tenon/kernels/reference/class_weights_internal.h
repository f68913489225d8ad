#pragma once

#include <cstdint>

#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/loss.h"

namespace tenon::kernels::reference {

/// The weight of each class, 1 without a weight tensor, and the smoothed target distribution made
/// of them.
template <class T>
class ClassWeights {
 public:
  ClassWeights(const ClassTargets& targets, std::int64_t classes)
      : weight_(targets.weight.defined() ? elements<T>(targets.weight) : nullptr),
        stride_(targets.weight.defined() ? targets.weight.strides()[0] : 0),
        on_label_(1 - targets.label_smoothing),
        on_each_(targets.label_smoothing / static_cast<double>(classes)) {
    for (std::int64_t c = 0; c < classes; ++c) total_ += (*this)[c];
  }
  double operator[](std::int64_t c) const {
    return weight_ ? static_cast<double>(weight_[c * stride_]) : 1.0;
  }
  /// The weight that the label itself gets, beside that of every class.
  double on_label(std::int64_t label) const { return on_label_ * (*this)[label]; }
  /// What smoothing gives to a class.
  double on_class(std::int64_t c) const { return on_each_ * (*this)[c]; }
  double mass(std::int64_t label) const { return on_label(label) + on_each_ * total_; }
  bool smooths() const { return on_each_ != 0; }

 private:
  const T* weight_;
  std::int64_t stride_;
  double on_label_;
  double on_each_;
  double total_ = 0;
};

/// A tensor of the logits' shape whose elements along the class axis are one: labels, losses,
/// scales.
inline Tensor expand_classes(const Tensor& x, std::int64_t classes, std::size_t axis) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.insert(axis, classes);
  strides.insert(axis, 0);
  return make_view(x, shape, strides, x.impl()->offset);
}

}  // namespace tenon::kernels::reference
