#include "tenon/kernels/norm.h"

#include <algorithm>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/strided_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/norm_simd_internal.h"
#include "tenon/kernels/reference/norm.h"

namespace tenon::kernels {
namespace {

using reference::Affine;
using reference::Grouping;
using reference::GroupStatistics;
using reference::NormSums;

/// The values in row-major order; empty for an undefined tensor.
std::vector<double> values_of(const Tensor& x) {
  std::vector<double> values;
  if (!x.defined()) return values;
  values.reserve(static_cast<std::size_t>(x.numel()));
  visit_floating(x.dtype(), [&](auto zero) {
    const auto* px = elements<decltype(zero)>(x);
    for_each_offset(x.shape(), x.strides(),
                    [&](std::int64_t i) { values.push_back(static_cast<double>(px[i])); });
  });
  return values;
}

Tensor tensor_of(const std::vector<double>& values, const Shape& shape, Dtype dtype) {
  Tensor x = make_tensor(shape, dtype);
  visit_floating(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::transform(values.begin(), values.end(), fresh_elements<T>(x),
                   [](double v) { return static_cast<T>(v); });
  });
  return x;
}

GroupStatistics statistics_of(const Tensor& mean, const Tensor& variance) {
  return {values_of(mean), values_of(variance)};
}

/// x in an order that the kernels take, and its memory as groups.
struct Input {
  Tensor x;
  Grouping grouping;
  bool converted = false;
  int reorders = 0;
};

Tensor in_strides(const Tensor& x, const Strides& strides, int& reorders) {
  for (std::size_t axis = 0; axis < x.shape().rank(); ++axis) {
    if (x.shape()[axis] == 1 || x.strides()[axis] == strides[axis]) continue;
    ++reorders;
    return copy_to_strides(x, strides);
  }
  return x;
}

/// A result in x's order, when x had one that the kernels do not take.
Tensor in_order_of(const Tensor& y, const Input& input, const Tensor& x) {
  int unused = 0;
  return input.converted ? in_strides(y, output_order(x.shape(), {&x}), unused) : y;
}

Input as_rows(const Tensor& x, const Grouping& grouping) {
  Input input{x, grouping, true};
  input.x = in_strides(x, contiguous_strides(x.shape()), input.reorders);
  return input;
}

Input channels_input(const Tensor& x) {
  const Shape& shape = x.shape();
  const std::int64_t n = shape[0], c = shape[1];
  std::int64_t spatial = 1;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) spatial *= shape[axis];
  switch (order_of(x)) {
    case Order::rows: return {x, {n, c, spatial}};
    case Order::channels_last: return {x, {n * spatial, c, 1}};
    case Order::batch_inner: return {x, {1, c, spatial * n}};
    case Order::other: break;
  }
  return as_rows(x, {n, c, spatial});
}

Input layers_input(const Tensor& x, std::size_t axes) {
  const Shape& shape = x.shape();
  const std::size_t leading = shape.rank() - axes;
  std::int64_t groups = 1, positions = 1;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    (axis < leading ? groups : positions) *= shape[axis];
  if (has_order(x, Order::rows)) return {x, {1, groups, positions}};
  if (leading == 1 && has_order(x, Order::batch_inner)) return {x, {positions, groups, 1}};
  return as_rows(x, {1, groups, positions});
}

class Scope : public KernelScope {
 public:
  Scope(const char* operation, const char* kernel, int reorders) : KernelScope(operation, kernel) {
    for (int i = 0; i < reorders; ++i) count_reorder();
  }
};

bool is_simd(const Input& input) {
  return input.x.dtype() == Dtype::f32 && input.grouping.numel() > 0;
}

Shape leading_shape(const Shape& shape, std::size_t axes) {
  Shape leading = shape;
  for (std::size_t i = 0; i < axes; ++i) leading.erase(leading.rank() - 1);
  return leading;
}

Shape normalized_shape(const Shape& shape, std::size_t axes) {
  Shape normalized;
  for (std::size_t axis = shape.rank() - axes; axis < shape.rank(); ++axis)
    normalized.push_back(shape[axis]);
  return normalized;
}

Tensor normalize(const Input& input, const GroupStatistics& statistics, Affine affine,
                 const Tensor& w, const Tensor& b, double epsilon) {
  Tensor y = make_tensor(input.x.shape(), input.x.strides(), input.x.dtype());
  reference::normalize(input.x, y, input.grouping, statistics, affine, values_of(w), values_of(b),
                       epsilon);
  return y;
}

/// The wanted ones, dx in x's order.
NormGradients needed(const NormGradients& gradients, const Input& input, const Tensor& x,
                     NormNeeds needs) {
  NormGradients result;
  if (needs.dx) result.dx = in_order_of(gradients.dx, input, x);
  if (needs.dw) result.dw = gradients.dw;
  if (needs.db) result.db = gradients.db;
  return result;
}

}  // namespace

Normalized batch_norm(const Tensor& x, const Tensor& w, const Tensor& b, double epsilon) {
  constexpr const char* kName = "batch_norm";
  const Input input = channels_input(x);
  const Shape channels = {x.shape()[1]};
  Normalized result;
  if (is_simd(input)) {
    const Scope scope(kName, "simd", input.reorders);
    result = batch_norm_simd(input.x, input.grouping, w, b, epsilon);
  } else {
    const Scope scope(kName, "reference", input.reorders);
    const GroupStatistics statistics = reference::statistics(input.x, input.grouping);
    result = {normalize(input, statistics, Affine::group, w, b, epsilon),
              tensor_of(statistics.mean, channels, x.dtype()),
              tensor_of(statistics.variance, channels, x.dtype())};
  }
  result.y = in_order_of(result.y, input, x);
  return result;
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& mean, const Tensor& variance,
                            const Tensor& w, const Tensor& b, double epsilon) {
  constexpr const char* kName = "batch_norm_inference";
  const Input input = channels_input(x);
  Tensor y;
  if (is_simd(input)) {
    const Scope scope(kName, "simd", input.reorders);
    y = batch_norm_inference_simd(input.x, input.grouping, mean, variance, w, b, epsilon);
  } else {
    const Scope scope(kName, "reference", input.reorders);
    y = normalize(input, statistics_of(mean, variance), Affine::group, w, b, epsilon);
  }
  return in_order_of(y, input, x);
}

NormGradients batch_norm_gradient(const Tensor& dy, const Tensor& x, const Tensor& mean,
                                  const Tensor& variance, const Tensor& w, double epsilon,
                                  NormNeeds needs) {
  constexpr const char* kName = "batch_norm_gradient";
  Input input = channels_input(x);
  const Tensor dy_dense = in_strides(dy, input.x.strides(), input.reorders);
  const Shape channels = {x.shape()[1]};
  NormGradients gradients;
  if (is_simd(input)) {
    const Scope scope(kName, "simd", input.reorders);
    gradients = batch_norm_gradient_simd(dy_dense, input.x, input.grouping, mean, variance, w,
                                         epsilon, needs);
    return needed(gradients, input, x, needs);
  }

  const Scope scope(kName, "reference", input.reorders);
  const GroupStatistics statistics = statistics_of(mean, variance);
  NormSums sums = reference::group_sums(dy_dense, input.x, input.grouping, statistics, {}, epsilon);
  if (needs.dw) gradients.dw = tensor_of(sums.dy_normalized, channels, x.dtype());
  if (needs.db) gradients.db = tensor_of(sums.dy, channels, x.dtype());
  if (!needs.dx) return gradients;
  const std::vector<double> weights = values_of(w);
  for (std::size_t c = 0; c < weights.size(); ++c) {
    sums.dy[c] *= weights[c];
    sums.dy_normalized[c] *= weights[c];
  }
  gradients.dx = make_tensor(x.shape(), input.x.strides(), x.dtype());
  reference::normalize_gradient(dy_dense, input.x, gradients.dx, input.grouping, statistics,
                                Affine::group, weights, sums, epsilon);
  return needed(gradients, input, x, needs);
}

Normalized layer_norm(const Tensor& x, std::size_t axes, const Tensor& w, const Tensor& b,
                      double epsilon) {
  constexpr const char* kName = "layer_norm";
  const Input input = layers_input(x, axes);
  const Shape leading = leading_shape(x.shape(), axes);
  Normalized result;
  if (is_simd(input)) {
    const Scope scope(kName, "simd", input.reorders);
    result = layer_norm_simd(input.x, input.grouping, leading, w, b, epsilon);
  } else {
    const Scope scope(kName, "reference", input.reorders);
    const GroupStatistics statistics = reference::statistics(input.x, input.grouping);
    result = {normalize(input, statistics, Affine::position, w, b, epsilon),
              tensor_of(statistics.mean, leading, x.dtype()),
              tensor_of(statistics.variance, leading, x.dtype())};
  }
  result.y = in_order_of(result.y, input, x);
  return result;
}

NormGradients layer_norm_gradient(const Tensor& dy, const Tensor& x, std::size_t axes,
                                  const Tensor& mean, const Tensor& variance, const Tensor& w,
                                  double epsilon, NormNeeds needs) {
  constexpr const char* kName = "layer_norm_gradient";
  Input input = layers_input(x, axes);
  const Tensor dy_dense = in_strides(dy, input.x.strides(), input.reorders);
  const Shape normalized = normalized_shape(x.shape(), axes);
  NormGradients gradients;
  if (is_simd(input)) {
    const Scope scope(kName, "simd", input.reorders);
    gradients = layer_norm_gradient_simd(dy_dense, input.x, input.grouping, normalized, mean,
                                         variance, w, epsilon, needs);
    return needed(gradients, input, x, needs);
  }

  const Scope scope(kName, "reference", input.reorders);
  const GroupStatistics statistics = statistics_of(mean, variance);
  if (needs.dw || needs.db) {
    const NormSums sums =
        reference::position_sums(dy_dense, input.x, input.grouping, statistics, epsilon);
    gradients.dw = tensor_of(sums.dy_normalized, normalized, x.dtype());
    gradients.db = tensor_of(sums.dy, normalized, x.dtype());
  }
  if (needs.dx) {
    const std::vector<double> weights = values_of(w);
    const NormSums sums =
        reference::group_sums(dy_dense, input.x, input.grouping, statistics, weights, epsilon);
    gradients.dx = make_tensor(x.shape(), input.x.strides(), x.dtype());
    reference::normalize_gradient(dy_dense, input.x, gradients.dx, input.grouping, statistics,
                                  Affine::position, weights, sums, epsilon);
  }
  return needed(gradients, input, x, needs);
}

}  // namespace tenon::kernels
