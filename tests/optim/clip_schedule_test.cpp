#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "optim/optim_support.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/ops/ops.h"
#include "tenon/optim/clip.h"
#include "tenon/optim/schedule.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ParameterList with_gradients(const std::vector<Tensor>& gradients) {
  ParameterList list;
  for (const Tensor& gradient : gradients) {
    Tensor x = Tensor::zeros(gradient.shape(), {.dtype = gradient.dtype()}).set_requires_grad();
    x.set_grad(gradient);
    list.push_back({"p" + std::to_string(list.size()), x});
  }
  list.push_back({"without", Tensor::zeros({3}).set_requires_grad()});
  return list;
}

TEST(ClipGradNorm, ScalesAllGradientsTogether) {
  for (const auto& [layout, gradient] : layouts(Tensor::from({3.0f, 0.0f, 0.0f, -4.0f}, {2, 2}))) {
    SCOPED_TRACE(layout);
    const Tensor wide = Tensor::from({12.0}, {1}, Dtype::f64);
    const ParameterList list = with_gradients({gradient, wide});
    EXPECT_DOUBLE_EQ(optim::clip_grad_norm(list, 6.5), 13);
    EXPECT_TRUE(close(list.at("p0").grad(), std::vector<double>{1.5, 0, 0, -2}));
    EXPECT_TRUE(close(list.at("p1").grad(), std::vector<double>{6}));
    EXPECT_FALSE(list.at("without").grad().defined());
    EXPECT_TRUE(close(wide, std::vector<double>{12}))
        << "the tensor that was given as gradient stays";
    EXPECT_DOUBLE_EQ(optim::clip_grad_norm(list, 6.5), 6.5);
    EXPECT_DOUBLE_EQ(optim::clip_grad_norm(list, 100), 6.5);
    EXPECT_TRUE(close(list.at("p1").grad(), std::vector<double>{6}));
    EXPECT_DOUBLE_EQ(optim::clip_grad_norm(list, 0), 6.5);
    EXPECT_TRUE(close(list.at("p1").grad(), std::vector<double>{0}));
  }
}

TEST(ClipGradNorm, CountsGradientsThatShareStorageOnce) {
  Tensor a = Tensor::zeros({2}).set_requires_grad(), b = Tensor::zeros({2}).set_requires_grad();
  sum(a + b).backward();  // both may get one tensor
  optim::clip_grad_norm({{"a", a}, {"b", b}}, 1);
  EXPECT_TRUE(close(a.grad(), std::vector<double>{0.5, 0.5}));
  EXPECT_TRUE(close(b.grad(), std::vector<double>{0.5, 0.5}));
}

TEST(ClipGradNorm, AddsUpInDouble) {
  const std::int64_t count = 300000;
  const ParameterList list = with_gradients({Tensor::full({count}, 0.1)});
  const auto x = static_cast<double>(0.1f);
  EXPECT_NEAR(optim::clip_grad_norm(list, 1e9), std::sqrt(static_cast<double>(count) * x * x),
              1e-9);
  EXPECT_EQ(optim::clip_grad_norm({}, 1), 0);
  EXPECT_EQ(optim::clip_grad_norm(with_gradients({Tensor::zeros({0, 3})}), 1), 0);
}

TEST(ClipGradNorm, HandsOnNaN) {
  const ParameterList list = with_gradients({Tensor::from({1.0f, std::nanf("")}, {2})});
  EXPECT_TRUE(std::isnan(optim::clip_grad_norm(list, 1)));
  EXPECT_TRUE(std::isnan(list.at("p0").grad().to_vector<float>()[0]));
}

TEST(ClipGradValue, LimitsEachElement) {
  for (const auto& [layout, gradient] :
       layouts(Tensor::from({3.0f, 0.25f, -0.5f, -4.0f}, {2, 2}))) {
    SCOPED_TRACE(layout);
    const ParameterList list = with_gradients({gradient});
    optim::clip_grad_value(list, 0.5);
    EXPECT_TRUE(close(list.at("p0").grad(), std::vector<double>{0.5, 0.25, -0.5, -0.5}));
    EXPECT_FALSE(list.at("without").grad().defined());
  }
}

TEST(Clip, ChecksItsLimit) {
  for (const double limit : {-1.0, std::nan("")}) {
    EXPECT_THAT(
        message_of<DataError>([&] { optim::clip_grad_norm({}, limit); }),
        AllOf(HasSubstr("clip_grad_norm: max_norm is"), HasSubstr("clip_schedule_test.cpp")));
    EXPECT_THAT(
        message_of<DataError>([&] { optim::clip_grad_value({}, limit); }),
        AllOf(HasSubstr("clip_grad_value: max_value is"), HasSubstr("clip_schedule_test.cpp")));
  }
}

TEST(Schedule, ConstantAndStep) {
  const optim::ConstantSchedule constant{.learning_rate = 0.5, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(constant(0), 0.125);
  EXPECT_DOUBLE_EQ(constant(3), 0.5);
  EXPECT_DOUBLE_EQ(constant(1000000), 0.5);
  const optim::StepSchedule step{
      .learning_rate = 8, .step_size = 3, .gamma = 0.5, .warmup_steps = 2};
  const std::vector<double> want = {4, 8, 8, 8, 8, 4, 4, 4, 2, 2, 2, 1};
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_DOUBLE_EQ(step(static_cast<std::int64_t>(i)), want[i]) << i;
}

TEST(Schedule, Cosine) {
  const optim::CosineSchedule cosine{
      .learning_rate = 2, .total_steps = 12, .final_learning_rate = 1, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(cosine(0), 0.5);
  EXPECT_DOUBLE_EQ(cosine(3), 2);
  for (int i = 0; i <= 8; ++i)
    EXPECT_NEAR(cosine(4 + i), 1.5 + 0.5 * std::cos(3.14159265358979323846 * i / 8), 1e-15) << i;
  EXPECT_DOUBLE_EQ(cosine(12), 1);
  EXPECT_DOUBLE_EQ(cosine(INT64_MAX), 1);
  // Without warm-up, as the training of LeNet-5 uses it.
  const optim::CosineSchedule plain{.learning_rate = 2e-3, .total_steps = 4690};
  EXPECT_DOUBLE_EQ(plain(0), 2e-3);
  EXPECT_NEAR(plain(2345), 1e-3, 1e-18);
  EXPECT_DOUBLE_EQ(plain(4690), 0);
  for (std::int64_t i = 0; i < 4690; ++i) ASSERT_GT(plain(i), plain(i + 1));
  EXPECT_DOUBLE_EQ(
      (optim::CosineSchedule{.learning_rate = 1, .total_steps = 3, .warmup_steps = 10}(4)), 0.5);
}

TEST(Schedule, ChecksItsFields) {
  using optim::ConstantSchedule, optim::CosineSchedule, optim::StepSchedule;
  EXPECT_THAT(message_of<DataError>([] { (void)ConstantSchedule{}(-1); }),
              AllOf(HasSubstr("ConstantSchedule: step is -1 but must be at least 0"),
                    HasSubstr("clip_schedule_test.cpp")));
  EXPECT_THAT(message_of<DataError>([] { (void)ConstantSchedule{.learning_rate = -1}(0); }),
              HasSubstr("learning_rate is -1"));
  EXPECT_THAT(message_of<DataError>([] { (void)ConstantSchedule{.warmup_steps = -1}(0); }),
              HasSubstr("warmup_steps is -1"));
  EXPECT_THAT(message_of<DataError>([] { (void)StepSchedule{.step_size = 0}(0); }),
              HasSubstr("StepSchedule: step_size is 0"));
  EXPECT_THAT(message_of<DataError>([] { (void)StepSchedule{.gamma = -1}(0); }),
              HasSubstr("gamma is -1"));
  EXPECT_THAT(message_of<DataError>([] { (void)CosineSchedule{.total_steps = 0}(0); }),
              HasSubstr("CosineSchedule: total_steps is 0"));
  EXPECT_THAT(message_of<DataError>([] { (void)CosineSchedule{.final_learning_rate = -1}(0); }),
              HasSubstr("final_learning_rate is -1"));
}

}  // namespace
}  // namespace tenon
