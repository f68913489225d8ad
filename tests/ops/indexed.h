#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tenon/autograd/check.h"
#include "tenon/core/tensor.h"
#include "tenon/ops/arithmetic.h"
#include "tests/support/layouts.h"

namespace tenon {

using Index = std::vector<std::int64_t>;

/// Calls f(index) for each logical index of the shape, row-major.
template <class F>
void for_each_index(const Shape& shape, F f) {
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    Index index(shape.rank());
    std::int64_t rest = i;
    for (std::size_t axis = shape.rank(); axis-- > 0; rest /= shape[axis])
      index[axis] = rest % shape[axis];
    f(index);
  }
}

/// Values by their logical index, whatever the layout of the tensor they came from.
class Table {
 public:
  explicit Table(const Tensor& x) : shape_(x.shape()), values_(x.to_vector<double>()) {}
  explicit Table(const Shape& shape)
      : shape_(shape), values_(static_cast<std::size_t>(shape.numel())) {}
  double& operator()(const Index& index) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < shape_.rank(); ++axis) at = at * shape_[axis] + index[axis];
    return values_[static_cast<std::size_t>(at)];
  }
  const std::vector<double>& values() const { return values_; }

 private:
  Shape shape_;
  std::vector<double> values_;
};

/// The values of y, of this shape, whose element at an index is x at source(index).
template <class F>
std::vector<double> picked(const Tensor& x, const Shape& shape, F source) {
  Table from(x);
  std::vector<double> y;
  for_each_index(shape, [&](const Index& index) { y.push_back(from(source(index))); });
  return y;
}

/// 1, 2, 3, ... in row-major order.
inline Tensor counted(const Shape& shape, Dtype dtype = Dtype::f64) {
  std::vector<double> values;
  for (std::int64_t i = 1; i <= shape.numel(); ++i) values.push_back(static_cast<double>(i));
  return Tensor::from(values, shape, dtype);
}

/// Checks both derivatives of the cubes of the result: linear operations have no second one
/// themselves.
inline void expect_gradients(FunctionRef<Tensor(const std::vector<Tensor>&)> operation,
                             const std::vector<Tensor>& inputs) {
  const auto function = [&](const std::vector<Tensor>& in) {
    const Tensor y = operation(in);
    return y * y * y;
  };
  const GradientReport first = check_gradients(function, inputs);
  EXPECT_TRUE(first.ok) << first.message;
  const GradientReport second = check_second_gradients(function, inputs);
  EXPECT_TRUE(second.ok) << second.message;
}

/// The same for one input in every layout.
inline void expect_gradients(FunctionRef<Tensor(const Tensor&)> operation, const Tensor& x) {
  for (const auto& [name, laid_out] : layouts(x)) {
    SCOPED_TRACE(name);
    expect_gradients([&](const std::vector<Tensor>& in) { return operation(in[0]); },
                     std::vector<Tensor>{laid_out});
  }
}

}  // namespace tenon
