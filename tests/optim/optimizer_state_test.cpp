// What holds for every algorithm: a state continues a run to the bit, also through a checkpoint;
// groups have options of their own; a step keeps nothing.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "optim/optim_support.h"
#include "support/temporary_folder.h"
#include "tenon/core/memory.h"
#include "tenon/io/checkpoint.h"
#include "tenon/optim/optim.h"

namespace tenon {
namespace {

constexpr std::int64_t kCount = 37;

template <class OptimizerType, class OptionsType>
struct Algorithm {
  using Optimizer = OptimizerType;
  using Options = OptionsType;
};

// Options with every slot that the algorithm can have, and others.
optim::SGDOptions rich(optim::SGDOptions) {
  return {.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.2};
}
optim::AdamOptions rich(optim::AdamOptions) {
  return {.learning_rate = 0.1, .weight_decay = 0.2, .amsgrad = true};
}
optim::AdamWOptions rich(optim::AdamWOptions) {
  return {.learning_rate = 0.1, .weight_decay = 0.2, .amsgrad = true};
}
optim::RMSpropOptions rich(optim::RMSpropOptions) {
  return {.learning_rate = 0.1, .weight_decay = 0.2, .momentum = 0.5, .centered = true};
}
optim::AdagradOptions rich(optim::AdagradOptions) {
  return {
      .learning_rate = 0.1, .lr_decay = 0.3, .weight_decay = 0.2, .initial_accumulator_value = 0.5};
}
optim::NAdamOptions rich(optim::NAdamOptions) {
  return {.learning_rate = 0.1, .weight_decay = 0.2, .momentum_decay = 0.3};
}
optim::LionOptions rich(optim::LionOptions) {
  return {.learning_rate = 0.1, .beta2 = 0.8, .weight_decay = 0.2};
}

void run(optim::Optimizer& optimizer, Tensor& x, int from, int to) {
  for (int t = from; t < to; ++t) {
    set_test_gradient(x, t);
    optimizer.step();
  }
}

template <class T>
class EachOptimizer : public testing::Test {};
using Algorithms = testing::Types<
    Algorithm<optim::SGD, optim::SGDOptions>, Algorithm<optim::Adam, optim::AdamOptions>,
    Algorithm<optim::AdamW, optim::AdamWOptions>, Algorithm<optim::RMSprop, optim::RMSpropOptions>,
    Algorithm<optim::Adagrad, optim::AdagradOptions>, Algorithm<optim::NAdam, optim::NAdamOptions>,
    Algorithm<optim::Lion, optim::LionOptions>>;
TYPED_TEST_SUITE(EachOptimizer, Algorithms);

TYPED_TEST(EachOptimizer, ContinuesFromItsStateToTheBit) {
  using Optimizer = typename TypeParam::Optimizer;
  const auto options = rich(typename TypeParam::Options{});
  const TemporaryFolder folder;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    SCOPED_TRACE(to_string(dtype));
    Tensor whole = test_parameter({kCount}, dtype).set_requires_grad();
    Tensor stopped = whole.detach().clone().set_requires_grad();
    Optimizer straight({{"x", whole}}, options), first({{"x", stopped}}, options);
    run(straight, whole, 0, 9);
    run(first, stopped, 0, 4);
    save_checkpoint(folder / "run.h5", {.optimizer = &first});

    Tensor resumed = stopped.detach().clone().set_requires_grad();
    Tensor loaded = stopped.detach().clone().set_requires_grad();
    Optimizer second({{"x", resumed}}, options), third({{"x", loaded}}, options);
    second.load_state(first.state());
    run(first, stopped, 4, 6);  // does not touch what `second` took over
    run(second, resumed, 4, 9);
    EXPECT_EQ(resumed.to_vector<double>(), whole.to_vector<double>());

    load_checkpoint(folder / "run.h5", {.optimizer = &third});
    run(third, loaded, 4, 9);
    EXPECT_EQ(loaded.to_vector<double>(), whole.to_vector<double>());

    Tensor forgetful = stopped.detach().clone().set_requires_grad();
    Optimizer fresh({{"x", forgetful}}, options);
    run(fresh, forgetful, 4, 9);
    EXPECT_NE(forgetful.to_vector<double>(), whole.to_vector<double>())
        << "the state makes no difference here, so the test shows nothing";
  }
}

TYPED_TEST(EachOptimizer, GroupsHaveOptionsOfTheirOwn) {
  using Optimizer = typename TypeParam::Optimizer;
  typename TypeParam::Options plain;
  plain.learning_rate = 0.05;
  const auto other = rich(plain);
  const auto start = [] { return test_parameter({kCount}, Dtype::f32).set_requires_grad(); };
  Tensor a = start(), b = start(), a_alone = start(), b_alone = start();
  Optimizer both({{"a", a}}, plain), one({{"x", a_alone}}, plain), two({{"x", b_alone}}, other);
  both.add_group({{"b", b}}, other);
  for (int t = 0; t < 5; ++t) {
    set_test_gradient(a, t);
    set_test_gradient(b, t);
    both.step();
  }
  run(one, a_alone, 0, 5);
  run(two, b_alone, 0, 5);
  EXPECT_EQ(a.to_vector<float>(), a_alone.to_vector<float>());
  EXPECT_EQ(b.to_vector<float>(), b_alone.to_vector<float>());
  EXPECT_NE(a.to_vector<float>(), b.to_vector<float>());
}

TYPED_TEST(EachOptimizer, AStepKeepsNothing) {
  using Optimizer = typename TypeParam::Optimizer;
  Tensor x = test_parameter({kCount}, Dtype::f32).set_requires_grad();
  Optimizer optimizer({{"x", x}}, rich(typename TypeParam::Options{}));
  set_test_gradient(x, 1);
  optimizer.step();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 5; ++i) optimizer.step();
  EXPECT_EQ(memory_stats().live_tensors, before.live_tensors);
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_EQ(memory_stats().live_graph_nodes, before.live_graph_nodes);
}

}  // namespace
}  // namespace tenon
