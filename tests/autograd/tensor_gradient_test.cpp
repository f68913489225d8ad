#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "support/close.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/autograd/record.h"
#include "tenon/core/error.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(RequiresGrad, MarksLeaves) {
  Tensor x = Tensor::ones({2});
  EXPECT_FALSE(x.requires_grad());
  x.set_requires_grad();
  const Tensor same = x;
  EXPECT_TRUE(same.requires_grad() && same.is_leaf());
  const Tensor y = x * 2.0;
  EXPECT_TRUE(y.requires_grad());
  EXPECT_FALSE(y.is_leaf());
  EXPECT_FALSE(y.detach().requires_grad());
  EXPECT_FALSE(y.grad().defined());
  x.set_requires_grad(false);
  EXPECT_FALSE(same.requires_grad());
}

TEST(RequiresGrad, Errors) {
  EXPECT_THAT(
      message_of<DtypeError>([] { Tensor::arange(3).set_requires_grad(); }),
      AllOf(HasSubstr("f32 or f64"), HasSubstr("i64"), HasSubstr("tensor_gradient_test.cpp:")));
  Tensor x = Tensor::ones({2}).set_requires_grad();
  Tensor y = x * 2.0;
  EXPECT_THAT(message_of<GradientError>([&] { y.set_requires_grad(false); }),
              HasSubstr("detach()"));
  EXPECT_THAT(message_of<GradientError>([&] { y.set_grad(y); }), HasSubstr("only a leaf"));
  EXPECT_THAT(message_of<GradientError>([&] { x.set_grad(Tensor::ones({3})); }),
              AllOf(HasSubstr("[2]"), HasSubstr("[3]")));
}

TEST(InPlace, IsRefusedWhileRecording) {
  Tensor x = Tensor::ones({2}).set_requires_grad();
  EXPECT_THAT(message_of<GradientError>([&] { x.fill(1); }),
              AllOf(HasSubstr("fill: "), HasSubstr("NoGradGuard")));
  Tensor y = x * 2.0;
  EXPECT_THAT(message_of<GradientError>([&] { y.copy_from(Tensor::ones({2})); }),
              HasSubstr("has a history"));
  Tensor plain = Tensor::ones({2});
  EXPECT_THAT(message_of<GradientError>([&] { plain.copy_from(x); }), HasSubstr("source"));
  EXPECT_THAT(message_of<ShapeError>([&] { plain.copy_from(Tensor::ones({3})); }),
              AllOf(HasSubstr("[2]"), HasSubstr("[3]")));
  EXPECT_THAT(message_of<GradientError>([&] { x.mutable_data<float>(); }),
              HasSubstr("requires grad"));
  Tensor wide = expand(plain, {3, 2});
  EXPECT_THAT(message_of<ShapeError>([&] { wide.fill(1); }), HasSubstr("expanded"));
  const NoGradGuard no_grad;
  x.fill(5);
  plain.copy_from(x);
  EXPECT_TRUE(close(plain, std::vector<double>{5, 5}));
}

TEST(InPlace, ReadsASharedSourceBeforeItWrites) {
  Tensor x = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f}, {2, 2});
  x.copy_from(transpose(x, 0, 1));
  EXPECT_TRUE(close(x, std::vector<double>{1, 3, 2, 4}));
}

TEST(InPlace, PlusEqualsRebinds) {
  Tensor x = Tensor::ones({2}).set_requires_grad();
  Tensor total = Tensor::zeros({});
  for (int i = 0; i < 3; ++i) total += sum(x * x);
  total.backward();
  EXPECT_TRUE(close(x.grad(), std::vector<double>{6, 6}));
}

TEST(Hooks, SeeAndReplaceTheWholeGradient) {
  Tensor x = Tensor::ones({2}, {.dtype = Dtype::f64}).set_requires_grad();
  Tensor y = x * 3.0;
  std::vector<double> seen;
  y.register_hook([&](const Tensor& g) {
    seen = g.to_vector<double>();
    return g * 10.0;
  });
  int calls = 0;
  x.register_hook([&](const Tensor&) -> Tensor {
    ++calls;
    return none;
  });
  (sum(y) + sum(y * 2.0)).backward();
  EXPECT_EQ(seen, (std::vector<double>{3, 3}));
  EXPECT_TRUE(close(x.grad(), std::vector<double>{90, 90}));
  EXPECT_EQ(calls, 1);
  Tensor z = x * 1.0;
  z.register_hook([](const Tensor&) { return Tensor::ones({7}); });
  EXPECT_THAT(message_of<GradientError>([&] { sum(z).backward(); }), HasSubstr("hook"));
  EXPECT_THAT(message_of<GradientError>(
                  [] { Tensor::ones({1}).register_hook([](const Tensor& g) { return g; }); }),
              HasSubstr("register_hook"));
}

TEST(Anomaly, NamesTheOperationThatMadeTheFirstNan) {
  const AnomalyGuard guard;
  Tensor x = Tensor::from({-1.0f, 4.0f}, {2}).set_requires_grad();
  EXPECT_THAT(message_of<GradientError>([&] { sum(sqrt(x)); }),
              AllOf(HasSubstr("sqrt: the result contains"), HasSubstr("nan"),
                    HasSubstr("tensor_gradient_test.cpp:")));
  Tensor zero = Tensor::zeros({1}).set_requires_grad();
  const Tensor y = sum(sqrt(zero));
  EXPECT_THAT(message_of<GradientError>([&] { y.backward(); }),
              AllOf(HasSubstr("inf"), HasSubstr("tensor_gradient_test.cpp:")));
}

TEST(CheckGradients, NamesInputElementAndBothNumbers) {
  const auto wrong = [](const std::vector<Tensor>& in) {
    Tensor y;
    {
      const NoGradGuard no_grad;
      y = in[0] * in[1];
    }
    return record(
        "wrong", {in[0], in[1]}, y,
        [a = Saved(in[0]), b = Saved(in[1])](const Tensor& dy, const Needs&) -> Gradients {
          return {dy * b.get(), dy * a.get() * Tensor::from({1.0, 1.0, 3.0}, {3}, Dtype::f64)};
        });
  };
  const Tensor a = Tensor::from({1.0, 2.0, 3.0}, {3}, Dtype::f64),
               b = Tensor::from({4.0, 5.0, 6.0}, {3}, Dtype::f64);
  const GradientReport report = check_gradients(wrong, {a, b});
  EXPECT_FALSE(report.ok);
  EXPECT_EQ(report.input, 1u);
  EXPECT_EQ(report.element, 2);
  EXPECT_NEAR(report.analytic, 3 * report.numeric, 1e-6);
  EXPECT_THAT(report.message, AllOf(HasSubstr("input 1"), HasSubstr("element 2")));
  EXPECT_TRUE(
      check_gradients([](const std::vector<Tensor>& in) { return in[0] * in[1]; }, {a, b}).ok);
  EXPECT_THAT(message_of<DtypeError>([&] {
                check_gradients(wrong, {Tensor::ones({3}), b});
              }),
              HasSubstr("f64"));
}

TEST(CheckGradients, FindsAWrongSecondDerivative) {
  const auto half_wrong = [](const std::vector<Tensor>& in) {
    Tensor y;
    {
      const NoGradGuard no_grad;
      y = in[0] * in[0] * in[0];
    }
    return record("cube", {in[0]}, y,
                  [x = Saved(in[0])](const Tensor& dy, const Needs&) -> Gradients {
                    return {dy * (3.0 * square(x.get().detach()))};  // right, but cut off from x
                  });
  };
  const Tensor x = Tensor::from({1.0, 2.0}, {2}, Dtype::f64);
  EXPECT_TRUE(check_gradients(half_wrong, {x}).ok);
  EXPECT_FALSE(check_second_gradients(half_wrong, {x}).ok);
}

TEST(CheckGradients, AConstantFunctionPasses) {
  const Tensor x = Tensor::ones({2}, {.dtype = Dtype::f64});
  const auto constant = [](const std::vector<Tensor>& in) { return zeros_like(in[0].detach()); };
  EXPECT_TRUE(check_gradients(constant, {x}).ok);
  EXPECT_TRUE(check_second_gradients(constant, {x}).ok);
  EXPECT_TRUE(
      check_second_gradients([](const std::vector<Tensor>& in) { return in[0] * 3.0; }, {x}).ok);
}

}  // namespace
}  // namespace tenon
