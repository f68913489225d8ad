#include "tenon/ops/reduce.h"

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

namespace tenon {
namespace {

using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor normal64(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::normal(shape, rng, {.dtype = Dtype::f64});
}

using Reduce = Tensor (*)(const Tensor&, const Axes&, bool);
struct Case {
  const char* name;
  Reduce reduce;
};

const std::vector<Case> kCases = {
    {"sum", [](const Tensor& x, const Axes& axes,
               bool keepdim) { return sum(x, axes, {.keepdim = keepdim}); }},
    {"mean", [](const Tensor& x, const Axes& axes,
                bool keepdim) { return mean(x, axes, {.keepdim = keepdim}); }},
    {"max", [](const Tensor& x, const Axes& axes,
               bool keepdim) { return max(x, axes, {.keepdim = keepdim}); }},
    {"min", [](const Tensor& x, const Axes& axes,
               bool keepdim) { return min(x, axes, {.keepdim = keepdim}); }},
    {"prod", [](const Tensor& x, const Axes& axes,
                bool keepdim) { return prod(x, axes, {.keepdim = keepdim}); }},
    {"var", [](const Tensor& x, const Axes& axes,
               bool keepdim) { return var(x, axes, {.keepdim = keepdim}); }},
    {"stddev", [](const Tensor& x, const Axes& axes,
                  bool keepdim) { return stddev(x, axes, {.keepdim = keepdim}); }},
    {"logsumexp", [](const Tensor& x, const Axes& axes,
                     bool keepdim) { return logsumexp(x, axes, {.keepdim = keepdim}); }},
};

TEST(Reduce, GradientsOverAxesAndLayouts) {
  for (const Case& c : kCases)
    for (const Axes& axes : std::vector<Axes>{{}, {0}, {1}, {-1}, {0, 2}, {2, 1}})
      for (const bool keepdim : {false, true})
        for (const auto& [layout, x] : layouts(normal64({2, 3, 3}, 11))) {
          const auto function = [&](const std::vector<Tensor>& inputs) {
            return c.reduce(inputs[0], axes, keepdim);
          };
          const GradientReport first = check_gradients(function, {x});
          EXPECT_TRUE(first.ok) << c.name << " " << layout << ": " << first.message;
        }
}

TEST(Reduce, SecondGradients) {
  for (const Case& c : kCases)
    for (const Axes& axes : std::vector<Axes>{{}, {1}, {0, 2}}) {
      const auto function = [&](const std::vector<Tensor>& inputs) {
        return c.reduce(inputs[0], axes, false);
      };
      const GradientReport second = check_second_gradients(function, {normal64({2, 3, 2}, 12)});
      EXPECT_TRUE(second.ok) << c.name << ": " << second.message;
    }
}

TEST(Reduce, GradientHasTheInputsDtypeAndShape) {
  for (const Case& c : kCases)
    for (const Dtype dtype : {Dtype::f32, Dtype::f64})
      for (const Shape& shape : std::vector<Shape>{{2, 3}, {1, 1}, {5}}) {
        const Tensor x = normal64(shape, 13).to(dtype).set_requires_grad();
        const Tensor dx = gradients(sum(c.reduce(x, {0}, false)), {x})[0];
        EXPECT_EQ(dx.dtype(), dtype) << c.name;
        EXPECT_EQ(dx.shape(), shape) << c.name;
      }
}

TEST(Reduce, RankZero) {
  for (const Case& c : kCases) {
    const Tensor x = Tensor::full({}, 3.0, {.dtype = Dtype::f64}).set_requires_grad();
    const Tensor y = c.reduce(x, {}, false);
    EXPECT_EQ(y.shape(), Shape{}) << c.name;
    EXPECT_EQ(gradients(y, {x})[0].shape(), Shape{}) << c.name;
  }
  EXPECT_EQ(prod(Tensor::full({}, 3.0)).item<double>(), 3);
}

TEST(Reduce, EmptyAxes) {
  const Tensor x = Tensor::empty({0, 2}, {.dtype = Dtype::f64}).set_requires_grad();
  for (const Case& c : kCases) {
    if (std::string(c.name) == "max" || std::string(c.name) == "min") continue;
    const Tensor dx = gradients(sum(c.reduce(x, {0}, false)), {x})[0];
    EXPECT_EQ(dx.shape(), Shape({0, 2})) << c.name;
  }
  EXPECT_TRUE(close(sum(x), std::vector<double>{0}));
  EXPECT_TRUE(close(prod(x), std::vector<double>{1}));
  EXPECT_TRUE(close(mean(x), std::vector<double>{kNan}));
  EXPECT_TRUE(close(var(x, {0}), std::vector<double>{kNan, kNan}));
  EXPECT_THAT(message_of<ShapeError>([&] { max(x, {0}); }), HasSubstr("max: axis 0 has size 0"));
  EXPECT_THAT(message_of<ShapeError>([&] { min(x); }), HasSubstr("[0, 2] f64"));
  EXPECT_THAT(message_of<ShapeError>([&] { argmax(x, 0); }),
              HasSubstr("argmax: axis 0 has size 0"));
  EXPECT_THAT(message_of<ShapeError>([&] { argmin(x, -2); }),
              HasSubstr("argmin: axis 0 has size 0"));
  EXPECT_EQ(max(x, {1}).shape(), Shape{0});
}

TEST(Max, GradientIsSplitOverTies) {
  const Tensor x =
      Tensor::from({1.0, 5.0, 5.0, 2.0, 2.0, 2.0}, {2, 3}, Dtype::f64).set_requires_grad();
  EXPECT_TRUE(close(gradients(sum(max(x, {1})), {x})[0],
                    std::vector<double>{0, .5, .5, 1.0 / 3, 1.0 / 3, 1.0 / 3}));
  EXPECT_TRUE(close(gradients(sum(min(x, {1})), {x})[0],
                    std::vector<double>{1, 0, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3}));
}

TEST(Prod, RightWithZeros) {
  // No zero, one, two, three: by hand, dx_i is the product of the others.
  const Tensor x =
      Tensor::from({2.0, 3.0, 4.0, 0.0, 3.0, 4.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0}, {4, 3}, Dtype::f64)
          .set_requires_grad();
  EXPECT_TRUE(close(gradients(sum(prod(x, {1})), {x})[0],
                    std::vector<double>{12, 8, 6, 12, 0, 0, 0, 0, 0, 0, 0, 0}));
  for (const Axes& axes : std::vector<Axes>{{1}, {0}, {}}) {
    const auto function = [&](const std::vector<Tensor>& inputs) { return prod(inputs[0], axes); };
    EXPECT_TRUE(check_gradients(function, {x.detach()}).ok);
    const GradientReport second = check_second_gradients(function, {x.detach()});
    EXPECT_TRUE(second.ok) << second.message;
  }
  for (const std::int64_t n : {1, 2, 5, 7, 8}) {  // odd halves
    const Tensor line = normal64({n}, 14).set_requires_grad();
    const std::vector<double> values = line.to_vector<double>();
    std::vector<double> want;
    for (std::size_t i = 0; i < values.size(); ++i) {
      want.push_back(1);
      for (std::size_t j = 0; j < values.size(); ++j)
        if (j != i) want.back() *= values[j];
    }
    EXPECT_TRUE(close(gradients(prod(line), {line})[0], want)) << n;
  }
}

TEST(Stddev, GradientAtZeroIsZero) {
  const Tensor x = Tensor::from({2.0, 2.0, 2.0}, {3}, Dtype::f64).set_requires_grad();
  EXPECT_TRUE(close(gradients(stddev(x), {x})[0], std::vector<double>{0, 0, 0}));
}

TEST(Var, CorrectionInTheGradient) {
  for (const std::int64_t correction : {0, 1, 2}) {
    const auto function = [&](const std::vector<Tensor>& inputs) {
      return var(inputs[0], {1}, {.correction = correction});
    };
    EXPECT_TRUE(check_gradients(function, {normal64({2, 4}, 15)}).ok) << correction;
  }
}

TEST(Cumsum, Gradients) {
  for (const auto& [layout, x] : layouts(normal64({2, 3, 4}, 16)))
    for (std::int64_t axis = -1; axis < 3; ++axis) {
      const auto function = [&](const std::vector<Tensor>& inputs) {
        return cumsum(inputs[0], axis) * inputs[0];
      };
      EXPECT_TRUE(check_gradients(function, {x}).ok) << layout << axis;
      EXPECT_TRUE(check_second_gradients(function, {x}).ok) << layout << axis;
    }
  EXPECT_EQ(cumsum(Tensor::from({true, true}, {2}), 0).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 2}));
}

TEST(SumTo, IsTheOppositeOfBroadcasting) {
  const Tensor x = normal64({2, 3, 4}, 17);
  EXPECT_EQ(sum_to(x, {2, 3, 4}).impl(), x.impl());
  EXPECT_TRUE(close(sum_to(x, {4}), sum(x, {0, 1})));
  EXPECT_TRUE(close(sum_to(x, {3, 1}), sum(sum(x, {2}, {.keepdim = true}), {0})));
  EXPECT_TRUE(close(sum_to(x, {2, 1, 1}), sum(x, {1, 2}, {.keepdim = true})));
  EXPECT_TRUE(close(sum_to(x, {1, 1, 1}), sum(x, {}, {.keepdim = true})));
  EXPECT_TRUE(close(sum_to(x, {}), sum(x)));
  EXPECT_TRUE(close(sum_to(Tensor::empty({0, 3}), {3}), std::vector<double>{0, 0, 0}));
  for (const Shape& shape : std::vector<Shape>{{4}, {3, 1}, {2, 1, 1}, {}}) {
    const auto function = [&](const std::vector<Tensor>& inputs) {
      return sum_to(inputs[0] * inputs[0], shape);
    };
    EXPECT_TRUE(check_gradients(function, {x}).ok);
    EXPECT_TRUE(check_second_gradients(function, {x}).ok);
  }
}

TEST(Reduce, DtypesOfResults) {
  const Tensor bools = Tensor::from({true, false, true}, {3});
  EXPECT_EQ(sum(bools).dtype(), Dtype::i64);
  EXPECT_EQ(sum(bools).item<std::int64_t>(), 2);
  EXPECT_EQ(prod(bools).dtype(), Dtype::i64);
  EXPECT_EQ(mean(bools).dtype(), Dtype::f32);
  EXPECT_NEAR(mean(bools).item<double>(), 2.0 / 3, 1e-7);
  EXPECT_EQ(max(bools).dtype(), Dtype::boolean);
  EXPECT_EQ(any(bools).dtype(), Dtype::boolean);
  EXPECT_FALSE(all(bools).item<bool>());
  EXPECT_EQ(argmax(bools, 0).dtype(), Dtype::i64);
}

TEST(Reduce, Errors) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { sum(x, {2}); }),
              testing::AllOf(HasSubstr("sum"), HasSubstr("[2, 3] f32"), HasSubstr("2"),
                             HasSubstr("reduce_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                mean(x, {0, -2});
              }),
              testing::AllOf(HasSubstr("mean: axis -2 is named twice"), HasSubstr("[2, 3] f32")));
  EXPECT_THAT(message_of<DtypeError>([&] { var(Tensor::zeros({2}, {.dtype = Dtype::i64})); }),
              HasSubstr("var"));
  EXPECT_THAT(message_of<DtypeError>([&] { stddev(Tensor::zeros({2}, {.dtype = Dtype::i64})); }),
              HasSubstr("stddev"));
  EXPECT_THAT(message_of<DtypeError>([&] { logsumexp(Tensor::zeros({2}, {.dtype = Dtype::u8})); }),
              HasSubstr("u8"));
  EXPECT_THAT(message_of<ShapeError>([&] { sum(Tensor()); }), HasSubstr("sum"));
  EXPECT_THAT(message_of<ShapeError>([&] { argmax(x, 5); }), HasSubstr("argmax"));
  EXPECT_THAT(message_of<ShapeError>([&] { cumsum(x, -3); }), HasSubstr("cumsum"));
  EXPECT_THAT(message_of<ShapeError>([&] { any(x, {7}); }), HasSubstr("any"));
  EXPECT_THAT(message_of<ShapeError>([&] { all(Tensor()); }), HasSubstr("all"));
  EXPECT_THAT(message_of<ShapeError>([&] { sum_to(x, {4}); }),
              testing::AllOf(HasSubstr("sum_to: [4] does not broadcast"), HasSubstr("[2, 3]")));
  EXPECT_THAT(message_of<ShapeError>([&] { sum_to(x, {2, 2, 3}); }), HasSubstr("sum_to"));
}

}  // namespace
}  // namespace tenon
