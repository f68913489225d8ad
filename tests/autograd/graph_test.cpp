#include <gmock/gmock.h>

#include <thread>

#include "support/close.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/check.h"
#include "tenon/autograd/record.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using testing::HasSubstr;

Tensor leaf(std::initializer_list<double> values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())}, Dtype::f64)
      .set_requires_grad();
}

TEST(Backward, FillsLeavesAndAddsUp) {
  Tensor x = leaf({1, 2, 3});
  sum(x * x).backward();
  EXPECT_TRUE(close(x.grad(), std::vector<double>{2, 4, 6}));
  sum(3.0 * x).backward();
  EXPECT_TRUE(close(x.grad(), std::vector<double>{5, 7, 9}));
  x.zero_grad();
  EXPECT_FALSE(x.grad().defined());
}

TEST(Backward, ATensorUsedTwiceGetsBothGradients) {
  Tensor x = leaf({2});
  Tensor y = x;
  for (int i = 0; i < 60; ++i) y = y + y;  // 2^60 paths: each node must run once
  y.backward();
  EXPECT_EQ(x.grad().item<double>(), std::ldexp(1.0, 60));
}

TEST(Backward, ARuleMayReturnTheSameTensorTwice) {
  Tensor a = leaf({1, 2}), b = leaf({3, 4});
  const Tensor y = a + b;  // returns {dy, dy}
  (sum(y) + sum(2.0 * a)).backward();
  EXPECT_TRUE(close(a.grad(), std::vector<double>{3, 3}));
  EXPECT_TRUE(close(b.grad(), std::vector<double>{1, 1}));
}

TEST(Backward, SeveralOutputsAndTheirGradients) {
  Tensor x = leaf({1, 2});
  const Tensor a = 2.0 * x, b = x * x;
  backward({a, b},
           {.output_gradients = {Tensor::from({1.0, 10.0}, {2}, Dtype::f64), ones_like(b)}});
  EXPECT_TRUE(close(x.grad(), std::vector<double>{2 + 2, 20 + 4}));
}

TEST(Backward, LeafGradientsHaveTheLeafsStridesAndTheirOwnMemory) {
  Tensor x = transpose(Tensor::ones({2, 3}, {.dtype = Dtype::f64}), 0, 1).set_requires_grad();
  const Tensor seed = Tensor::ones({3, 2}, {.dtype = Dtype::f64});
  (x + 0.0).backward({.output_gradients = {seed}});
  EXPECT_EQ(x.grad().strides(), x.strides());
  x.grad().fill(7);
  EXPECT_TRUE(close(seed, ones_like(seed)));
}

TEST(Backward, ErrorsSayWhatToDo) {
  Tensor x = leaf({1, 2, 3});
  EXPECT_THAT(message_of<GradientError>([&] { (x * x).backward(); }),
              testing::AllOf(HasSubstr("backward: only a scalar"), HasSubstr("[3] f64"),
                             HasSubstr("graph_test.cpp:")));
  EXPECT_THAT(message_of<GradientError>([&] { Tensor::ones({}).backward(); }),
              HasSubstr("does not require grad"));
  const Tensor y = sum(exp(x) * exp(x));
  y.backward();
  EXPECT_THAT(
      message_of<GradientError>([&] { y.backward(); }),
      testing::AllOf(HasSubstr("freed"), HasSubstr("retain_graph"), HasSubstr("graph_test.cpp:")));
  EXPECT_THAT(message_of<GradientError>([&] { gradients(sum(x), {Tensor::ones({2})}); }),
              HasSubstr("input 0 does not require grad"));
  EXPECT_THAT(message_of<GradientError>([&] { gradients(sum(x), {leaf({1})}); }),
              HasSubstr("do not depend on input 0"));
  EXPECT_THAT(message_of<GradientError>([&] { gradients(std::vector<Tensor>{}, {x}); }),
              HasSubstr("no output"));
  EXPECT_THAT(message_of<GradientError>(
                  [&] { sum(x).backward({.output_gradients = {Tensor::ones({2})}}); }),
              HasSubstr("shape and dtype of its output"));
  EXPECT_THAT(message_of<ShapeError>([&] { Tensor().backward(); }), HasSubstr("undefined"));
}

TEST(Backward, RetainGraphAllowsASecondPass) {
  Tensor x = leaf({3});
  const Tensor y = square(x);
  y.backward({.retain_graph = true});
  y.backward();
  EXPECT_EQ(x.grad().item<double>(), 12);
}

TEST(Backward, LeavesAreUntouchedWhenARuleThrows) {
  Tensor x = leaf({1});
  const Tensor bad = record(
      "bad", {x}, ones_like(x.detach()),
      [](const Tensor&, const Needs&) -> Gradients { throw DataError("no gradient today"); });
  EXPECT_THROW((bad + x).backward(), DataError);
  EXPECT_FALSE(x.grad().defined());
}

TEST(Gradients, OfLeavesAndResultsWithoutTouchingGrad) {
  Tensor x = leaf({1, 2, 3});
  const Tensor y = x * x, z = sum(y * y);
  const std::vector<Tensor> found = gradients(z, {y, x});
  EXPECT_TRUE(close(found[0], std::vector<double>{2, 8, 18}));
  EXPECT_TRUE(close(found[1], std::vector<double>{4, 32, 108}));
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(gradients(sum(x), {leaf({1})}, {.allow_unused = true})[0].defined());
}

TEST(Gradients, HigherDerivatives) {
  Tensor x = leaf({2});
  Tensor y = x * x * x * x;
  for (const double want : {32.0, 48.0, 48.0, 24.0}) {
    y = gradients(y, {x}, {.create_graph = true})[0];
    EXPECT_NEAR(y.item<double>(), want, 1e-9);
  }
}

TEST(Gradients, OnlyTheWantedPathIsComputed) {
  Tensor x = leaf({1}), w = leaf({2});
  int seen = -1;
  const Tensor y = record("product", {x, w}, Tensor::from({2.0}, {1}, Dtype::f64),
                          [&seen](const Tensor& dy, const Needs& needs) -> Gradients {
                            seen = (needs[0] ? 1 : 0) + (needs[1] ? 2 : 0);
                            return {dy, dy};
                          });
  gradients(y, {w}, {.retain_graph = true});
  EXPECT_EQ(seen, 2);
  gradients(y, {x, w});
  EXPECT_EQ(seen, 3);
}

TEST(Record, AnOperationWithSeveralOutputs) {
  Tensor x = leaf({1, 2, 3});
  const auto both = [](const Tensor& a) {
    Tensor doubled, squared;
    {
      const NoGradGuard no_grad;
      doubled = 2.0 * a;
      squared = a * a;
    }
    return record("both", {a}, {doubled, squared},
                  [a = Saved(a)](const Gradients& dys, const Needs&) -> Gradients {
                    Tensor dx = zeros_like(a.get().detach());
                    if (dys[0].defined()) dx = dx + 2.0 * dys[0];
                    if (dys[1].defined()) dx = dx + 2.0 * a.get() * dys[1];
                    return {dx};
                  });
  };
  EXPECT_TRUE(close(gradients(sum(both(x)[1]), {x})[0], std::vector<double>{2, 4, 6}));
  const std::vector<Tensor> y = both(x);
  EXPECT_TRUE(close(gradients(sum(y[0]) + sum(y[1]), {x})[0], std::vector<double>{4, 6, 8}));
  EXPECT_TRUE(check_second_gradients([&](const std::vector<Tensor>& in) { return both(in[0])[1]; },
                                     {x.detach()})
                  .ok);
}

TEST(Record, AWrongRuleIsFound) {
  Tensor x = leaf({1, 2});
  const auto with = [&](Gradients result) {
    return record("odd", {x}, ones_like(x.detach()),
                  [result](const Tensor&, const Needs&) -> Gradients { return result; });
  };
  EXPECT_THAT(message_of<GradientError>([&] { sum(with({Tensor::ones({3})})).backward(); }),
              testing::AllOf(HasSubstr("odd: the gradient of input 0"), HasSubstr("[3] f32"),
                             HasSubstr("[2] f64"), HasSubstr("graph_test.cpp")));
  EXPECT_THAT(message_of<GradientError>([&] { sum(with({})).backward(); }),
              HasSubstr("0 gradients for 1 inputs"));
  EXPECT_THAT(message_of<GradientError>([&] {
                record("odd", {x}, x * 2.0,
                       [](const Tensor& dy, const Needs&) -> Gradients { return {dy}; });
              }),
              HasSubstr("already has a history"));
}

TEST(Record, NothingIsRecordedWithoutNeed) {
  const int64_t before = memory_stats().live_graph_nodes;
  Tensor x = leaf({1, 2});
  {
    const NoGradGuard no_grad;
    EXPECT_FALSE((x * x).requires_grad());
  }
  EXPECT_FALSE((Tensor::ones({2}) * 2.0).requires_grad());
  EXPECT_EQ(memory_stats().live_graph_nodes, before + 1);
  const Tensor loss = sum(x * x);
  const int64_t with_graph = memory_stats().live_graph_nodes;
  loss.backward();
  EXPECT_EQ(memory_stats().live_graph_nodes, with_graph)
      << "a first-order backward records nothing";
}

TEST(Record, RecordingIsPerThread) {
  const NoGradGuard no_grad;
  bool other = false;
  std::thread([&] { other = is_recording(); }).join();
  EXPECT_TRUE(other);
  EXPECT_FALSE(is_recording());
}

TEST(Saved, AWriteInBetweenIsAnError) {
  Tensor x = leaf({1, 2, 3});
  const Tensor y = sum(square(x));
  {
    const NoGradGuard no_grad;
    x.fill(2);
  }
  EXPECT_THAT(message_of<GradientError>([&] { y.backward(); }),
              testing::AllOf(HasSubstr("square: "), HasSubstr("modified"), HasSubstr("version 0"),
                             HasSubstr("version 1"), HasSubstr("graph_test.cpp:")));
}

TEST(Saved, AWriteThroughAViewCounts) {
  Tensor x = leaf({1, 2, 3});
  const Tensor y = sum(exp(x));
  Tensor view = x.detach();
  view.fill(0);
  Tensor z = tanh(x);
  z.detach().fill(1);
  EXPECT_NO_THROW(y.backward());  // exp needs its result alone
  EXPECT_THAT(message_of<GradientError>([&] { sum(z).backward(); }), HasSubstr("tanh: "));
}

TEST(Saved, MemoryIsFreedAsBackwardPasses) {
  Tensor x = Tensor::ones({1000}).set_requires_grad();
  const int64_t before = memory_stats().live_bytes;
  const Tensor loss = sum(exp(exp(exp(x * 0.1))));
  loss.backward();
  EXPECT_LE(memory_stats().live_bytes, before + 2 * 4000 + 64)
      << "the gradient and the loss are left";
}

TEST(Graph, AMillionOperationsGoBackwardAndAreDestroyedWithoutRecursion) {
  const MemoryStats before = memory_stats();
  {
    Tensor x = Tensor::ones({1}).set_requires_grad();
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = y + 1.0;
    y.backward();
    EXPECT_EQ(x.grad().item<float>(), 1);
    EXPECT_EQ(y.item<float>(), 1'000'001);
  }
  {
    Tensor y = Tensor::ones({1}).set_requires_grad();
    for (int i = 0; i < 1'000'000; ++i) y = y * y;  // saves its input: the chain hangs on rules too
  }
  EXPECT_EQ(memory_stats().live_graph_nodes, before.live_graph_nodes);
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
}

TEST(Graph, SecondOrderGraphsAreFreed) {
  const MemoryStats before = memory_stats();
  {
    Tensor x = leaf({0.5, 1.5});
    const Tensor first = gradients(sum(tanh(x) * sigmoid(x)), {x}, {.create_graph = true})[0];
    gradients(sum(first), {x});
  }
  EXPECT_EQ(memory_stats().live_graph_nodes, before.live_graph_nodes);
  EXPECT_EQ(memory_stats().live_tensors, before.live_tensors);
}

}  // namespace
}  // namespace tenon
