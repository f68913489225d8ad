#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/close.h"
#include "../support/layouts.h"
#include "loss_oracle.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/core/error.h"
#include "tenon/core/kernel_report.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/loss.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/softmax.h"

namespace tenon {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
/// All combinations of the options.
std::vector<CrossEntropyOptions> all_options(std::int64_t classes, Dtype dtype) {
  std::vector<CrossEntropyOptions> all;
  for (const Reduction reduction : kReductions)
    for (const double smoothing : {0.0, 0.1, 1.0})
      for (const std::int64_t ignored : {-100, 1})
        for (const bool weighted : {false, true}) {
          CrossEntropyOptions options{
              .reduction = reduction, .label_smoothing = smoothing, .ignore_index = ignored};
          if (weighted)
            options.weight = sliced(Tensor::linspace(0.5, 2.0, classes, {.dtype = dtype}));
          all.push_back(options);
        }
  return all;
}

TEST(CrossEntropy, IndicesOverOptionsLayoutsAndDtypes) {
  for (const Shape& shape : std::vector<Shape>{{7, 4}, {150, 3}, {1, 2}, {3, 4, 2, 5}, {2, 3, 1}})
    for (const Dtype dtype : {Dtype::f32, Dtype::f64})
      for (const auto& [layout, x] : layouts(normal64(shape, 1).to(dtype)))
        for (const CrossEntropyOptions& options : all_options(shape[1], dtype)) {
          const Tensor targets = labels_for(shape, 2);
          const std::vector<double> want = cross_entropy_by_hand(x, targets, options);
          EXPECT_TRUE(close(cross_entropy(x, targets, options), want))
              << layout << to_string(shape);
          const Tensor leaf =
              x.detach().set_requires_grad();  // this one also keeps the probabilities
          EXPECT_TRUE(close(cross_entropy(leaf, targets, options), want))
              << layout << to_string(shape);
        }
}

TEST(CrossEntropy, TargetsOfAnyIntegerDtypeAndLayout) {
  const Tensor x = normal64({3, 4, 2, 2}, 3);
  const Tensor targets = labels_for(x.shape(), 4);
  const std::vector<double> want = cross_entropy_by_hand(x, targets, {});
  for (const Dtype dtype : {Dtype::i64, Dtype::i32, Dtype::u8})
    for (const auto& [layout, labels] : layouts(targets.to(dtype)))
      EXPECT_TRUE(close(cross_entropy(x, labels), want)) << layout << to_string(dtype);
}

TEST(CrossEntropy, Gradients) {
  for (const Shape& shape : std::vector<Shape>{{4, 3}, {2, 3, 2}})
    for (const auto& [layout, x] : layouts(normal64(shape, 5)))
      for (const CrossEntropyOptions& options : all_options(shape[1], Dtype::f64)) {
        const Tensor targets = labels_for(shape, 6);
        const auto loss = [&](const std::vector<Tensor>& inputs) {
          return cross_entropy(inputs[0], targets, options);
        };
        const GradientReport first = check_gradients(loss, {x});
        EXPECT_TRUE(first.ok) << layout << ": " << first.message;
        const GradientReport second = check_second_gradients(loss, {x});
        EXPECT_TRUE(second.ok) << layout << ": " << second.message;
      }
}

TEST(CrossEntropy, ThirdGradients) {
  const Tensor targets = Tensor::from({2, 0}, {2});
  const auto slope = [&](const std::vector<Tensor>& inputs) {
    // check_second_gradients of the gradient: the third derivative.
    const Tensor x = inputs[0].requires_grad() ? inputs[0] : inputs[0].detach().set_requires_grad();
    return gradients(cross_entropy(x, targets), {x}, {.create_graph = true})[0];
  };
  const GradientReport report = check_second_gradients(slope, {normal64({2, 3}, 7)});
  EXPECT_TRUE(report.ok) << report.message;
}

TEST(CrossEntropy, Float32Gradient) {
  const Tensor x = normal64({5, 4}, 8);
  const Tensor targets = labels_for(x.shape(), 9);
  const Tensor a = x.to(Dtype::f32).set_requires_grad(), b = x.detach().set_requires_grad();
  EXPECT_TRUE(close(gradients(cross_entropy(a, targets), {a})[0],
                    gradients(cross_entropy(b, targets), {b})[0].to(Dtype::f32)));
}

TEST(CrossEntropy, IsOneKernelForwardAndOneBackward) {
  const Tensor x = Tensor::zeros({8, 10}).set_requires_grad();
  const Tensor targets = labels_for(x.shape(), 10);
  reset_kernel_report();
  cross_entropy(x, targets).backward();
  int forward = 0, backward = 0;
  for (const KernelUse& use : kernel_report()) {
    if (use.operation == "cross_entropy") forward += static_cast<int>(use.calls);
    if (use.operation == "cross_entropy_gradient") backward += static_cast<int>(use.calls);
    EXPECT_NE(use.operation, "softmax");
    EXPECT_NE(use.operation, "log_softmax");
  }
  EXPECT_EQ(forward, 1);
  EXPECT_EQ(backward, 1);
}

TEST(CrossEntropy, SingleSample) {
  const Tensor x = normal64({4}, 11);
  const Tensor batch = make_view(x, {1, 4}, {4, 1}, 0);
  EXPECT_TRUE(close(cross_entropy(x, Tensor::from(2)),
                    cross_entropy_by_hand(batch, Tensor::from({2}, {1}), {})));
  const auto loss = [](const std::vector<Tensor>& inputs) {
    return cross_entropy(inputs[0], Tensor::from(2));
  };
  EXPECT_TRUE(check_gradients(loss, {x}).ok);
}

TEST(CrossEntropy, ExtremeLogits) {
  const Tensor x =
      Tensor::from({1000.0f, 0.0f, -1000.0f, 0.0f, 0.0f, 1000.0f}, {2, 3}).set_requires_grad();
  const Tensor loss = cross_entropy(x, Tensor::from({0, 0}, {2}), {.reduction = Reduction::none});
  EXPECT_TRUE(close(loss, std::vector<double>{0, 1000}));
  EXPECT_TRUE(close(gradients(sum(loss), {x})[0], std::vector<double>{0, 0, 0, -1, 0, 1}));
}

TEST(CrossEntropy, NothingCounts) {
  const Tensor x = normal64({2, 3}, 12).set_requires_grad();
  const Tensor ignored = Tensor::from({-100, -100}, {2});
  EXPECT_TRUE(close(cross_entropy(x, ignored), std::vector<double>{kNan}));
  EXPECT_TRUE(
      close(cross_entropy(x, ignored, {.reduction = Reduction::sum}), std::vector<double>{0}));
  EXPECT_TRUE(close(gradients(cross_entropy(x, ignored), {x})[0], std::vector<double>(6, 0.0)));
  EXPECT_TRUE(close(nll_loss(x, ignored), std::vector<double>{kNan}));
  const Tensor none = Tensor::empty({0, 3}).set_requires_grad();
  const Tensor no_labels = Tensor::empty({0}, {.dtype = Dtype::i64});
  EXPECT_TRUE(close(cross_entropy(none, no_labels), std::vector<double>{kNan}));
  EXPECT_EQ(gradients(cross_entropy(none, no_labels), {none})[0].shape(), Shape({0, 3}));
  EXPECT_EQ(cross_entropy(none, no_labels, {.reduction = Reduction::none}).shape(), Shape{0});
}

TEST(CrossEntropy, Probabilities) {
  for (const Shape& shape : std::vector<Shape>{{4, 3}, {2, 3, 2}})
    for (const auto& [layout, x] : layouts(normal64(shape, 13)))
      for (const Reduction reduction : kReductions)
        for (const double smoothing : {0.0, 0.2})
          for (const bool weighted : {false, true}) {
            CrossEntropyOptions options{.reduction = reduction, .label_smoothing = smoothing};
            if (weighted) options.weight = Tensor::from({0.5, 2.0, 1.5}, {3}, Dtype::f64);
            // A one-hot target is the index, but for the divisor of a weighted mean.
            const Tensor targets = labels_for(shape, 14);
            Tensor hot = Tensor::zeros(shape, {.dtype = Dtype::f64});
            const std::vector<std::int64_t> labels = targets.to_vector<std::int64_t>();
            const std::size_t inner = shape.rank() == 3 ? 2 : 1;
            for (std::size_t i = 0; i < labels.size(); ++i)
              hot.mutable_data<double>()[i / inner * 3 * inner +
                                         static_cast<std::size_t>(labels[i]) * inner + i % inner] =
                  1;
            CrossEntropyOptions summed = options;
            if (reduction == Reduction::mean) summed.reduction = Reduction::sum;
            std::vector<double> want = cross_entropy_by_hand(x, targets, summed);
            if (reduction == Reduction::mean) want[0] /= static_cast<double>(labels.size());
            EXPECT_TRUE(close(cross_entropy(x, hot, options), want)) << layout;

            const Tensor soft = softmax(normal64(shape, 15), 1);
            const auto loss = [&](const std::vector<Tensor>& inputs) {
              return cross_entropy(inputs[0], inputs[1], options);
            };
            EXPECT_TRUE(check_gradients(loss, {x, soft}).ok) << layout;
            EXPECT_TRUE(check_second_gradients(loss, {x, soft}).ok) << layout;
          }
}

}  // namespace
}  // namespace tenon
