#include "tenon/ops/softmax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../support/close.h"
#include "../support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor normal64(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::normal(shape, rng, {.dtype = Dtype::f64});
}

/// log(exp(x) / sum(exp(x))) by its definition.
std::vector<double> log_softmax_by_hand(const Tensor& x, std::int64_t axis) {
  std::vector<double> values = x.to_vector<double>();
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + x.rank() : axis);
  std::size_t inner = 1;
  for (std::size_t i = at + 1; i < x.shape().rank(); ++i)
    inner *= static_cast<std::size_t>(x.shape()[i]);
  const auto size = static_cast<std::size_t>(x.shape()[at]);
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t base = i / (inner * size) * inner * size + i % inner;
    double total = 0;
    for (std::size_t c = 0; c < size; ++c) total += std::exp(values[base + c * inner]);
    result[i] = values[i] - std::log(total);
  }
  return result;
}

TEST(Softmax, LayoutsAndAxes) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Shape& shape : std::vector<Shape>{{3, 5, 2, 7}, {130, 3, 1, 1}, {1, 1, 4, 3}})
      for (const auto& [layout, x] : layouts(normal64(shape, 1).to(dtype)))
        for (std::int64_t axis = -1; axis < 4; ++axis) {
          std::vector<double> want = log_softmax_by_hand(x, axis);
          EXPECT_TRUE(close(log_softmax(x, axis), want)) << layout << axis;
          for (double& value : want) value = std::exp(value);
          EXPECT_TRUE(close(softmax(x, axis), want)) << layout << axis;
          EXPECT_EQ(order_of(softmax(x, axis)), layout == "sliced" ? Order::rows : order_of(x));
        }
}

TEST(Softmax, ExtremeValues) {
  const double infinity = HUGE_VAL;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor large = Tensor::from({1000.0, 1000.0, -1000.0, -1000.0}, {2, 2}, dtype);
    EXPECT_TRUE(close(softmax(large, 1), std::vector<double>{.5, .5, .5, .5}));
    EXPECT_TRUE(close(log_softmax(large, 1), std::vector<double>(4, -std::log(2.0))));
    const Tensor masked =
        Tensor::from({0.0, -infinity, kNan, 0.0, -infinity, -infinity}, {3, 2}, dtype);
    EXPECT_TRUE(close(softmax(masked, 1), std::vector<double>{1, 0, kNan, kNan, kNan, kNan}));
    EXPECT_TRUE(
        close(log_softmax(masked, 1), std::vector<double>{0, -infinity, kNan, kNan, kNan, kNan}));
  }
}

TEST(Softmax, EmptyAxes) {
  EXPECT_EQ(softmax(Tensor::empty({0, 3}), 1).shape(), Shape({0, 3}));
  EXPECT_EQ(log_softmax(Tensor::empty({3, 0}), 1).shape(), Shape({3, 0}));
  const Tensor x = Tensor::empty({3, 0}).set_requires_grad();
  EXPECT_EQ(gradients(sum(softmax(x, 1)), {x})[0].shape(), Shape({3, 0}));
}

TEST(Softmax, Gradients) {
  for (const auto& [layout, x] : layouts(normal64({3, 4, 2}, 2)))
    for (std::int64_t axis = -1; axis < 3; ++axis) {
      const auto shares = [&](const std::vector<Tensor>& inputs) {
        return softmax(inputs[0], axis);
      };
      const auto logs = [&](const std::vector<Tensor>& inputs) {
        return log_softmax(inputs[0], axis);
      };
      for (const GradientReport& report :
           {check_gradients(shares, {x}), check_second_gradients(shares, {x}),
            check_gradients(logs, {x}), check_second_gradients(logs, {x})})
        EXPECT_TRUE(report.ok) << layout << axis << ": " << report.message;
    }
}

TEST(SoftmaxGradient, IsAnOperationOfItsOwn) {
  const Tensor dy = normal64({3, 4}, 3), y = normal64({3, 4}, 4);
  const auto shares = [](const std::vector<Tensor>& inputs) {
    return softmax_gradient(inputs[0], inputs[1], 1);
  };
  const auto logs = [](const std::vector<Tensor>& inputs) {
    return log_softmax_gradient(inputs[0], inputs[1], 0);
  };
  for (const auto& [layout, other] : layouts(y))
    for (const GradientReport& report :
         {check_gradients(shares, {dy, other}), check_second_gradients(shares, {dy, other}),
          check_gradients(logs, {dy, other}), check_second_gradients(logs, {dy, other})})
      EXPECT_TRUE(report.ok) << layout << ": " << report.message;
}

TEST(SoftmaxGradient, ComputesOnlyWhatIsNeeded) {
  for (const auto operation : {&softmax_gradient, &log_softmax_gradient})
    for (const bool first : {false, true}) {
      const Tensor dy = normal64({2, 3}, 5).set_requires_grad(first);
      const Tensor y = normal64({2, 3}, 6).set_requires_grad(!first);
      const Tensor both_dy = dy.detach().set_requires_grad(),
                   both_y = y.detach().set_requires_grad();
      const Where where = Where::current();
      const std::vector<Tensor> both =
          gradients(sum(operation(both_dy, both_y, 1, where)), {both_dy, both_y});
      const Tensor one = gradients(sum(operation(dy, y, 1, where)), {first ? dy : y})[0];
      EXPECT_TRUE(close(one, both[first ? 0 : 1]));
    }
}

TEST(Softmax, Errors) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(
      message_of<ShapeError>([&] { softmax(x, 2); }),
      testing::AllOf(HasSubstr("softmax"), HasSubstr("[2, 3]"), HasSubstr("softmax_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { log_softmax(x, -3); }), HasSubstr("log_softmax"));
  EXPECT_THAT(message_of<ShapeError>([&] { softmax(Tensor::full({}, 1.0), 0); }),
              HasSubstr("softmax"));
  EXPECT_THAT(message_of<DtypeError>([&] { softmax(x.to(Dtype::i64), 0); }), HasSubstr("i64"));
  EXPECT_THAT(message_of<ShapeError>([&] { softmax(Tensor(), 0); }), HasSubstr("softmax"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                softmax_gradient(x, Tensor::zeros({3, 2}), 0);
              }),
              testing::AllOf(HasSubstr("[2, 3]"), HasSubstr("[3, 2]")));
  EXPECT_THAT(message_of<DtypeError>([&] { log_softmax_gradient(x, x.to(Dtype::f64), 0); }),
              testing::AllOf(HasSubstr("f32"), HasSubstr("f64")));
}

}  // namespace
}  // namespace tenon
