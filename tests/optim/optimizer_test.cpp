#include "tenon/optim/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "optim/optim_support.h"
#include "support/close.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/ops/ops.h"
#include "tenon/optim/optim.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Adds the learning rate, and notes what it was called with.
class Probe : public optim::Optimizer {
 public:
  Probe(ParameterList parameters, double learning_rate, Where where = Where::current())
      : Optimizer(std::move(parameters), learning_rate, where) {}
  using Optimizer::add_group;

  std::vector<std::string> calls;

 protected:
  void init(const Tensor& parameter, optim::Slots& slots) override {
    EXPECT_FALSE(is_recording());
    slots["total"] = zeros_like(parameter);
    slots["unused"];
  }
  void update(Tensor& parameter, const Tensor& gradient, optim::Slots& slots,
              double learning_rate) override {
    EXPECT_FALSE(is_recording());
    slots["total"].copy_from(slots["total"] + gradient);
    parameter.copy_from(parameter + learning_rate);
    calls.push_back(to_string(parameter.shape()) + " group " + std::to_string(group()) +
                    " update " + std::to_string(update_number()));
  }
};

Tensor leaf(const Shape& shape) { return Tensor::ones(shape).set_requires_grad(); }

TEST(Optimizer, UpdatesWhatHasAGradient) {
  Tensor a = leaf({1}), b = leaf({2}), c = leaf({3});
  Probe probe({{"a", a}, {"b", b}, {"c", c}}, 0.5);
  const std::uint32_t version = a.version();
  sum(a).backward();
  c.set_grad(Tensor::ones({3}));
  c.set_requires_grad(false);  // frozen, with a gradient left
  EXPECT_TRUE(is_recording());
  probe.step();
  EXPECT_TRUE(is_recording());
  EXPECT_THAT(probe.calls, ElementsAre("[1] group 0 update 1"));
  EXPECT_EQ(a.item<float>(), 1.5f);
  EXPECT_GT(a.version(), version);
  EXPECT_TRUE(a.requires_grad());
  EXPECT_TRUE(a.is_leaf());
  EXPECT_TRUE(close(b.detach(), Tensor::ones({2})));
  EXPECT_TRUE(close(c.detach(), Tensor::ones({3})));

  sum(b).backward();
  probe.step();
  EXPECT_THAT(probe.calls,
              ElementsAre("[1] group 0 update 1", "[1] group 0 update 2", "[2] group 0 update 1"));
  EXPECT_EQ(probe.step_count(), 2);
  probe.zero_grad();
  EXPECT_FALSE(a.grad().defined());
  probe.step();
  EXPECT_EQ(probe.calls.size(), 3U);
}

TEST(Optimizer, LeavesNoTensorsBehind) {
  Tensor x = leaf({10});
  optim::Adam optimizer({{"x", x}}, {});
  x.set_grad(Tensor::ones({10}));
  optimizer.step();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 5; ++i) optimizer.step();
  EXPECT_EQ(memory_stats().live_tensors, before.live_tensors);
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_EQ(memory_stats().live_graph_nodes, before.live_graph_nodes);
}

TEST(Optimizer, GroupsHaveOptionsAndLearningRatesOfTheirOwn) {
  Tensor a = leaf({}), b = leaf({}), c = leaf({});
  optim::SGD optimizer({{"a", a}}, {.learning_rate = 0.1});
  optimizer.add_group({{"b", b}}, {.learning_rate = 0.4, .momentum = 0.5});
  optimizer.add_group({{"c", c}}, {.learning_rate = 0.1, .weight_decay = 1});
  EXPECT_EQ(optimizer.num_groups(), 3U);
  EXPECT_EQ(optimizer.learning_rate(), 0.1);
  EXPECT_EQ(optimizer.learning_rate(1), 0.4);
  const auto step = [&] {
    for (Tensor x : {a, b, c}) x.set_grad(Tensor::from(1.0f));
    optimizer.step();
  };
  step();
  EXPECT_FLOAT_EQ(a.item<float>(), 0.9f);
  EXPECT_FLOAT_EQ(b.item<float>(), 0.6f);
  EXPECT_FLOAT_EQ(c.item<float>(), 0.8f);
  EXPECT_EQ(optimizer.state().count("b/momentum"), 1U);
  EXPECT_EQ(optimizer.state().count("a/momentum"), 0U);

  optimizer.set_learning_rate(0.2);  // group 1 keeps four times that of group 0
  EXPECT_EQ(optimizer.learning_rate(0), 0.2);
  EXPECT_EQ(optimizer.learning_rate(1), 0.8);
  EXPECT_EQ(optimizer.learning_rate(2), 0.2);
  optimizer.set_learning_rate(0);
  optimizer.set_learning_rate(0.1);
  EXPECT_EQ(optimizer.learning_rate(1), 0.4);
  step();
  EXPECT_FLOAT_EQ(b.item<float>(), 0.6f - 0.4f * 1.5f);

  EXPECT_THAT(message_of<ShapeError>([&] { (void)optimizer.learning_rate(3); }),
              AllOf(HasSubstr("group 3 is outside of 3 groups"), HasSubstr("optimizer_test.cpp")));
  EXPECT_THAT(message_of<DataError>([&] { optimizer.set_learning_rate(-0.1); }),
              AllOf(HasSubstr("set_learning_rate: learning_rate is -0.1"),
                    HasSubstr("optimizer_test.cpp")));
}

TEST(Optimizer, AGroupWithoutALearningRateFollowsAllTheSame) {
  optim::SGD optimizer({{"a", leaf({})}}, {.learning_rate = 0});
  optimizer.add_group({{"b", leaf({})}}, {.learning_rate = 0.4});
  optimizer.set_learning_rate(0.3);
  EXPECT_EQ(optimizer.learning_rate(0), 0.3);
  EXPECT_EQ(optimizer.learning_rate(1), 0.3);
}

TEST(Optimizer, RefusesWrongParameters) {
  const Tensor a = leaf({2}), b = leaf({2});
  const auto fault = [](const ParameterList& parameters) {
    const std::string text = message_of<Error>([&] { Probe(parameters, 0.1); });
    EXPECT_THAT(text, HasSubstr("optimizer_test.cpp"));
    return text;
  };
  EXPECT_THAT(fault({{"a", a}, {"a", a}}), HasSubstr("Optimizer: parameter a is given twice"));
  EXPECT_THAT(fault({{"a", a}, {"b", a}}), HasSubstr("a and b are one parameter, given twice"));
  EXPECT_THAT(fault({{"a", a}, {"a", b}}), HasSubstr("two parameters are named a"));
  EXPECT_THAT(fault({{"", a}}), HasSubstr("is empty or has a slash"));
  EXPECT_THAT(fault({{"a/b", a}}), HasSubstr("\"a/b\" is empty or has a slash"));
  EXPECT_THAT(fault({{"a", Tensor()}}), HasSubstr("a"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                Probe({{"ints", Tensor::from({1, 2}, {2})}}, 0.1);
              }),
              AllOf(HasSubstr("ints"), HasSubstr("i64")));
  EXPECT_THAT(message_of<GradientError>([&] {
                Probe({{"c", a * b}}, 0.1);
              }),
              HasSubstr("c is the result of an operation"));
  EXPECT_THAT(message_of<DataError>([&] {
                Probe({{"a", a}}, -1);
              }),
              HasSubstr("learning_rate is -1"));

  Probe probe({{"a", a}}, 0.1);
  EXPECT_THAT(message_of<Error>([&] {
                probe.add_group({{"b", b}, {"x", a}}, 0.1);
              }),
              HasSubstr("a and x are one parameter"));
  EXPECT_EQ(probe.num_groups(), 1U);
  EXPECT_NO_THROW(probe.add_group({{"b", b}}, 0.1)) << "the failed call left nothing behind";
  EXPECT_NO_THROW(Probe({}, 0.1).step());
}

TEST(OptimizerState, IsKeyedByParameterAndSlot) {
  Tensor a = leaf({2}), b = leaf({3});
  Probe probe({{"net.a", a}, {"net.b", b}}, 0.25);
  EXPECT_EQ(probe.state().size(), 2U);
  a.set_grad(Tensor::ones({2}));
  probe.step();
  probe.step();
  const std::map<std::string, Tensor> state = probe.state();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("learning_rate", "net.a/total", "net.a/updates", "step"));
  EXPECT_EQ(state.at("step").item<int>(), 2);
  EXPECT_EQ(state.at("net.a/updates").item<int>(), 2);
  EXPECT_EQ(state.at("net.a/total").to_vector<float>(), (std::vector<float>{2, 2}));
  EXPECT_EQ(state.at("learning_rate").to_vector<double>(), (std::vector<double>{0.25}));
}

TEST(OptimizerState, RoundTripContinuesTheSameRun) {
  const auto run = [](optim::Optimizer& optimizer, Tensor& x, int from, int to) {
    for (int t = from; t < to; ++t) {
      set_test_gradient(x, t);
      optimizer.step();
    }
  };
  Tensor whole = test_parameter({5}, Dtype::f32).set_requires_grad(),
         first = whole.detach().clone().set_requires_grad();
  optim::Adam a({{"x", whole}}, {.learning_rate = 0.1, .amsgrad = true}),
      b({{"x", first}}, {.learning_rate = 0.1, .amsgrad = true});
  run(a, whole, 0, 9);
  run(b, first, 0, 4);
  Tensor second = first.detach().clone().set_requires_grad();
  optim::Adam c({{"x", second}}, {.learning_rate = 7, .amsgrad = true});
  const auto state = b.state();
  c.load_state(state);
  run(b, first, 4, 6);  // does not touch what c took over
  run(c, second, 4, 9);
  EXPECT_EQ(second.to_vector<float>(), whole.to_vector<float>());
  EXPECT_EQ(c.step_count(), 9);
  EXPECT_EQ(c.learning_rate(), 0.1);
}

TEST(OptimizerState, TellsAllDifferencesAndChangesNothing) {
  Tensor a = leaf({2}), b = leaf({3});
  Probe probe({{"a", a}, {"b", b}}, 0.5);
  a.set_grad(Tensor::ones({2}));
  probe.step();
  auto state = probe.state();
  state["a/total"] = Tensor::zeros({2}, {.dtype = Dtype::f64});
  state["a/other"] = Tensor::zeros({2});
  state["b/total"] = Tensor::zeros({4});
  state["c/total"] = Tensor::zeros({1});
  state.erase("step");
  state["learning_rate"] = Tensor::zeros({2}, {.dtype = Dtype::f64});
  const std::string message = message_of<CheckpointError>([&] { probe.load_state(state); });
  EXPECT_THAT(
      message,
      AllOf(HasSubstr("load_state: the state does not fit the optimizer: 2 missing, 2 unexpected, "
                      "3 of another shape or dtype"),
            HasSubstr("missing: step [] i64"), HasSubstr("missing: b/updates [] i64"),
            HasSubstr("unexpected: a/other [2] f32"), HasSubstr("unexpected: c/total [1] f32"),
            HasSubstr("different: a/total is [2] f64, expected [2] f32"),
            HasSubstr("optimizer_test.cpp")));
  EXPECT_THAT(message, AllOf(HasSubstr("different: b/total is [4] f32, expected [3] f32"),
                             HasSubstr("different: learning_rate is [2] f64, expected [1] f64")));
  EXPECT_EQ(probe.step_count(), 1);
  EXPECT_EQ(probe.state().size(), 4U);
  EXPECT_EQ(probe.state().at("a/total").to_vector<float>(), (std::vector<float>{1, 1}));
}

}  // namespace
}  // namespace tenon
