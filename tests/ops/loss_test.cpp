#include "tenon/ops/loss.h"

#include <gmock/gmock.h>
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
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/softmax.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
TEST(NllLoss, OverOptionsAndLayouts) {
  for (const Shape& shape : std::vector<Shape>{{4, 3}, {2, 3, 2}})
    for (const auto& [layout, x] : layouts(normal64(shape, 16)))
      for (const Reduction reduction : kReductions)
        for (const std::int64_t ignored : {-100, 2})
          for (const bool weighted : {false, true}) {
            NllOptions options{.reduction = reduction, .ignore_index = ignored};
            if (weighted) options.weight = Tensor::from({0.5, 2.0, 1.5}, {3}, Dtype::f64);
            const Tensor targets = labels_for(shape, 17);
            // cross entropy is the nll of the log-softmax
            const std::vector<double> want = cross_entropy_by_hand(
                x, targets,
                {.reduction = reduction, .weight = options.weight, .ignore_index = ignored});
            EXPECT_TRUE(close(nll_loss(log_softmax(x, 1), targets, options), want)) << layout;
            EXPECT_TRUE(
                reduction == Reduction::none ||
                close(nll_loss(log_softmax(x, 1).to(Dtype::f32), targets,
                               {.reduction = reduction,
                                .weight = weighted ? options.weight.to(Dtype::f32) : Tensor(),
                                .ignore_index = ignored}),
                      want));
            const auto loss = [&](const std::vector<Tensor>& inputs) {
              const Tensor y = nll_loss(inputs[0], targets, options);
              return y * y;
            };
            EXPECT_TRUE(check_gradients(loss, {x}).ok) << layout;
            EXPECT_TRUE(check_second_gradients(loss, {x}).ok) << layout;
          }
}

TEST(NllLoss, IgnoredInfinityCountsNothing) {
  const Tensor x =
      Tensor::from({-HUGE_VAL, 0.0, -1.0, -2.0}, {2, 2}, Dtype::f64).set_requires_grad();
  const Tensor loss = nll_loss(x, Tensor::from({0, 1}, {2}), {.ignore_index = 0});
  EXPECT_TRUE(close(loss, std::vector<double>{2}));
  EXPECT_TRUE(close(gradients(loss, {x})[0], std::vector<double>{0, 0, 0, -1}));
}

TEST(MseAndL1Loss, ValuesAndGradients) {
  const Tensor target = normal64({3, 4, 2}, 19);
  const std::vector<double> t = target.to_vector<double>();
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const auto& [layout, x] : layouts(normal64({3, 4, 2}, 18).to(dtype))) {
      const std::vector<double> p = x.to_vector<double>();
      std::vector<double> squares, distances;
      double square_sum = 0, distance_sum = 0;
      for (std::size_t i = 0; i < p.size(); ++i) {
        squares.push_back((p[i] - t[i]) * (p[i] - t[i]));
        distances.push_back(std::abs(p[i] - t[i]));
        square_sum += squares.back();
        distance_sum += distances.back();
      }
      const Tensor y = target.to(dtype);
      EXPECT_TRUE(close(mse_loss(x, y, {.reduction = Reduction::none}), squares));
      EXPECT_TRUE(
          close(mse_loss(x, y, {.reduction = Reduction::sum}), std::vector<double>{square_sum}));
      EXPECT_TRUE(close(mse_loss(x, y), std::vector<double>{square_sum / 24}));
      EXPECT_TRUE(close(l1_loss(x, y, {.reduction = Reduction::none}), distances));
      EXPECT_TRUE(
          close(l1_loss(x, y, {.reduction = Reduction::sum}), std::vector<double>{distance_sum}));
      EXPECT_TRUE(close(l1_loss(x, y), std::vector<double>{distance_sum / 24}));
      if (dtype == Dtype::f32) continue;
      for (const Reduction reduction : kReductions) {
        const auto mse = [&](const std::vector<Tensor>& in) {
          return mse_loss(in[0], in[1], {.reduction = reduction});
        };
        const auto l1 = [&](const std::vector<Tensor>& in) {
          return l1_loss(in[0], in[1], {.reduction = reduction});
        };
        EXPECT_TRUE(check_gradients(mse, {x, target}).ok) << layout;
        EXPECT_TRUE(check_second_gradients(mse, {x, target}).ok) << layout;
        EXPECT_TRUE(check_gradients(l1, {x, target}).ok) << layout;
      }
    }
  EXPECT_TRUE(close(mse_loss(Tensor::empty({0}), Tensor::empty({0})), std::vector<double>{kNan}));
}

TEST(BinaryCrossEntropyWithLogits, ValuesAndGradients) {
  const Tensor targets = Tensor::linspace(0, 1, 12, {.dtype = Dtype::f64});
  const Tensor t = make_view(targets, {3, 4}, {4, 1}, 0);
  for (const auto& [layout, x] : layouts(normal64({3, 4}, 20)))
    for (const Reduction reduction : kReductions)
      for (const bool weighted : {false, true})
        for (const bool positive : {false, true}) {
          BinaryCrossEntropyOptions options{.reduction = reduction};
          if (weighted) options.weight = Tensor::from({0.5, 1.0, 2.0}, {3, 1}, Dtype::f64);
          if (positive) options.pos_weight = Tensor::from({3.0, 0.5, 1.0, 2.0}, {4}, Dtype::f64);
          const std::vector<double> xs = x.to_vector<double>(), ts = t.to_vector<double>();
          std::vector<double> want;
          double total = 0;
          for (std::size_t i = 0; i < xs.size(); ++i) {
            const double p = 1 / (1 + std::exp(-xs[i]));
            const double w = weighted ? options.weight.to_vector<double>()[i / 4] : 1;
            const double pw = positive ? options.pos_weight.to_vector<double>()[i % 4] : 1;
            want.push_back(-w * (pw * ts[i] * std::log(p) + (1 - ts[i]) * std::log(1 - p)));
            total += want.back();
          }
          if (reduction == Reduction::sum) want = {total};
          if (reduction == Reduction::mean) want = {total / 12};
          EXPECT_TRUE(close(binary_cross_entropy_with_logits(x, t, options), want)) << layout;
          const auto loss = [&](const std::vector<Tensor>& inputs) {
            return binary_cross_entropy_with_logits(inputs[0], inputs[1], options);
          };
          EXPECT_TRUE(check_gradients(loss, {x, t}).ok) << layout;
          EXPECT_TRUE(check_second_gradients(loss, {x, t}).ok) << layout;
        }
  const Tensor far = Tensor::from({1000.0f, -1000.0f, 1000.0f, -1000.0f}, {4}).set_requires_grad();
  const Tensor loss = binary_cross_entropy_with_logits(
      far, Tensor::from({1.0f, 0.0f, 0.0f, 1.0f}, {4}), {.reduction = Reduction::none});
  EXPECT_TRUE(close(loss, std::vector<double>{0, 0, 1000, 1000}));
  EXPECT_TRUE(close(gradients(sum(loss), {far})[0], std::vector<double>{0, 0, 1, -1}));
}

TEST(Losses, LabelErrors) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<DataError>([&] {
                cross_entropy(x, Tensor::from({0, 3}, {2}));
              }),
              AllOf(HasSubstr("cross_entropy: targets[1] is 3, but there are 3 classes"),
                    HasSubstr("[2, 3] f32 (N, C)"), HasSubstr("loss_test.cpp")));
  EXPECT_THAT(message_of<DataError>([&] {
                cross_entropy(Tensor::zeros({1, 3, 2, 2}), Tensor::from({0, 1, -1, 2}, {1, 2, 2}));
              }),
              HasSubstr("targets[0, 1, 0] is -1"));
  EXPECT_THAT(message_of<DataError>([&] {
                nll_loss(x, Tensor::from({-100, 4}, {2}));
              }),
              AllOf(HasSubstr("nll_loss: targets[1] is 4"), HasSubstr("log_probabilities")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                cross_entropy(x, Tensor::from({0, 1, 2}, {3}));
              }),
              AllOf(HasSubstr("[3]"), HasSubstr("[2, 3]"),
                    HasSubstr("Give one class index for each place of the logits: shape [2].")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                cross_entropy(x, Tensor::zeros({2, 3}, {.dtype = Dtype::i64}));
              }),
              HasSubstr("One-hot targets are probabilities: targets.to(Dtype::f32)"));
  EXPECT_THAT(message_of<DtypeError>(
                  [&] { cross_entropy(x, Tensor::zeros({2}, {.dtype = Dtype::boolean})); }),
              HasSubstr("boolean"));
  EXPECT_THAT(message_of<DtypeError>([&] { nll_loss(x, Tensor::zeros({2})); }),
              HasSubstr("targets.to(Dtype::i64)"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { cross_entropy(Tensor::full({}, 1.0), Tensor::from(0)); }),
      HasSubstr("no class axis"));
  EXPECT_THAT(message_of<DataError>([&] {
                cross_entropy(Tensor::empty({2, 0}), Tensor::zeros({2}, {.dtype = Dtype::i64}));
              }),
              HasSubstr("0 classes"));
  EXPECT_THAT(message_of<ShapeError>([&] { cross_entropy(x, Tensor()); }),
              HasSubstr("cross_entropy"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                cross_entropy(x.to(Dtype::i64), Tensor::from({0, 1}, {2}));
              }),
              HasSubstr("logits"));
}

TEST(Losses, OptionErrors) {
  const Tensor x = Tensor::zeros({2, 3});
  const Tensor labels = Tensor::from({0, 1}, {2});
  EXPECT_THAT(message_of<DataError>([&] { cross_entropy(x, labels, {.label_smoothing = 1.5}); }),
              HasSubstr("label_smoothing = 1.5"));
  EXPECT_THAT(message_of<DataError>([&] { cross_entropy(x, labels, {.label_smoothing = kNan}); }),
              HasSubstr("nan"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { cross_entropy(x, labels, {.weight = Tensor::ones({2})}); }),
      AllOf(HasSubstr("weight has shape [2]"), HasSubstr("3 classes")));
  EXPECT_THAT(message_of<DtypeError>([&] {
                cross_entropy(x, labels, {.weight = Tensor::ones({3}, {.dtype = Dtype::f64})});
              }),
              AllOf(HasSubstr("weight"), HasSubstr("f64")));
  EXPECT_THAT(message_of<GradientError>([&] {
                cross_entropy(x, labels, {.weight = Tensor::ones({3}).set_requires_grad()});
              }),
              HasSubstr("weight.detach()"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                cross_entropy(x, Tensor::zeros({3, 2}));
              }),
              AllOf(HasSubstr("[2, 3]"), HasSubstr("[3, 2]")));
  EXPECT_THAT(message_of<DtypeError>([&] {
                cross_entropy(x, Tensor::zeros({2, 3}, {.dtype = Dtype::f64}));
              }),
              AllOf(HasSubstr("f32"), HasSubstr("f64")));
  EXPECT_THAT(message_of<DataError>([&] {
                cross_entropy(x, Tensor::zeros({2, 3}), {.ignore_index = 1});
              }),
              HasSubstr("ignore_index = 1"));
  for (const auto loss : {&mse_loss, &l1_loss}) {
    EXPECT_THAT(message_of<ShapeError>([&] {
                  loss(x, Tensor::zeros({2, 1}), {}, Where::current());
                }),
                AllOf(HasSubstr("[2, 3]"), HasSubstr("[2, 1]"), HasSubstr("loss_test.cpp")));
    EXPECT_THAT(message_of<DtypeError>([&] { loss(x, x.to(Dtype::f64), {}, Where::current()); }),
                HasSubstr("f64"));
    EXPECT_THAT(message_of<DtypeError>([&] { loss(x, x.to(Dtype::i64), {}, Where::current()); }),
                HasSubstr("target"));
  }
  EXPECT_THAT(
      message_of<ShapeError>([&] { binary_cross_entropy_with_logits(x, Tensor::zeros({2})); }),
      AllOf(HasSubstr("binary_cross_entropy_with_logits"), HasSubstr("[2, 3]"), HasSubstr("[2]")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                binary_cross_entropy_with_logits(x, x, {.pos_weight = Tensor::ones({2, 2, 3})});
              }),
              HasSubstr("pos_weight of shape [2, 2, 3] does not broadcast"));
  EXPECT_THAT(message_of<ShapeError>(
                  [&] { binary_cross_entropy_with_logits(x, x, {.weight = Tensor::ones({2})}); }),
              HasSubstr("weight of shape [2]"));
}

TEST(Losses, NodesNameTheCallersLine) {
  const Tensor x = Tensor::zeros({2, 3}).set_requires_grad();
  Tensor target = Tensor::ones({2, 3});
  const Tensor loss =
      mse_loss(x, target);  // its gradient needs the difference, a tensor of its own
  EXPECT_TRUE(close(gradients(loss, {x})[0], std::vector<double>(6, -1.0 / 3)));
  Tensor labels = Tensor::from({0, 1}, {2});
  const Tensor entropy = cross_entropy(x, labels);
  labels.fill(2);
  EXPECT_THAT(message_of<GradientError>([&] { entropy.backward(); }),
              AllOf(HasSubstr("cross_entropy"), HasSubstr("modified"), HasSubstr("loss_test.cpp")));
}

}  // namespace
}  // namespace tenon
