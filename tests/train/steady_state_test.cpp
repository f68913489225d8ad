#include <gmock/gmock.h>

#include <cstdint>
#include <string>

#include "models/lenet5.h"
#include "models/mlp.h"
#include "tenon/core/memory.h"
#include "tenon/kernels/onednn/plan.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/reduce.h"
#include "tenon/optim/optim.h"
#include "tenon/train/shards.h"
#include "train/sharded.h"

namespace tenon {
namespace {

/// What a step leaves behind or takes anew.
struct Use {
  MemoryStats memory = memory_stats();
  std::int64_t primitives = kernels::onednn::plan_counters().primitives_created;
};

/// The first thing that differs after a step, or nothing.
std::string difference(const Use& before, const Use& after) {
  if (after.memory.live_bytes != before.memory.live_bytes) return "live bytes";
  if (after.memory.live_tensors != before.memory.live_tensors) return "live tensors";
  if (after.memory.live_graph_nodes != before.memory.live_graph_nodes) return "live graph nodes";
  if (after.primitives != before.primitives) return "primitives created";
#ifndef TENON_SANITIZE  // where each block comes from the system
  if (after.memory.system_allocations != before.memory.system_allocations)
    return "system allocations";
#endif
  return {};
}

/// Checks that after `first_steps` a step takes nothing from the system, makes no primitive and
/// leaves nothing alive.
template <class Step>
void expect_steady(int first_steps, Step step) {
  for (int i = 0; i < first_steps; ++i) step();
  const Use before;
  for (int i = 0; i < 20; ++i) {
    step();
    ASSERT_EQ(difference(before, Use()), "") << "in step " << first_steps + i;
  }
}

class SteadyState : public Shards {};

TEST_F(SteadyState, ShardedStepsTakeNothingFromTheSystemAfterTheSecond) {
  set_num_threads(1);
  Rng rng(1);
  models::LeNet5 model(rng);
  optim::Adam adam(model.parameters(), {.learning_rate = 1e-3});
  const data::Batch batch = images(128, 28, rng);
  expect_steady(2, [&] {
    adam.zero_grad();
    backward_in_shards(batch, model.parameters(), cross_entropy_of(model));
    adam.step();
  });
}

TEST_F(SteadyState, WholeStepsTakeNothingFromTheSystemAfterTheSecond) {
  set_num_threads(1);
  Rng rng(2);
  models::LeNet5 model(rng);
  optim::SGD sgd(model.parameters(), {.learning_rate = 1e-3, .momentum = 0.9});
  const data::Batch batch = images(32, 28, rng);
  expect_steady(2, [&] {
    sgd.zero_grad();
    cross_entropy(model(batch.inputs), batch.targets).backward();
    sgd.step();
  });
}

TEST_F(SteadyState, WholeStepsThroughOneDnnTakeNothingFromTheSystemEither) {
  Rng rng(3);
  nn::Sequential model;
  model.add<nn::Conv2d>("conv1", 16, 32, 3, rng, nn::Conv2dOptions{.padding = 1});
  model.add<nn::Conv2d>("conv2", 32, 16, 3, rng, nn::Conv2dOptions{.stride = 2});
  const Tensor x = Tensor::normal({3, 16, 9, 9}, rng);
  expect_steady(2, [&] {
    model.zero_grad();
    sum(model(x)).backward();
  });
}

// How the shards of two threads fall in time differs from step to step, so that it takes some steps
// until each has met the other's largest need. But it ends.
TEST_F(SteadyState, ShardedStepsOnTwoThreadsBecomeSteadyToo) {
  set_num_threads(2);
  Rng rng(4);
  models::LeNet5 model(rng);
  optim::Adam adam(model.parameters(), {.learning_rate = 1e-3});
  const data::Batch batch = images(128, 28, rng);
  int steady = 0, steps = 0;
  for (; steady < 20 && steps < 500; ++steps) {
    const Use before;
    adam.zero_grad();
    backward_in_shards(batch, model.parameters(), cross_entropy_of(model));
    adam.step();
    const std::string changed = difference(before, Use());
    steady = changed.empty() ? steady + 1 : 0;
    if (steps >= 2) {
      EXPECT_THAT(changed, testing::AnyOf("", "system allocations", "primitives created"));
    }
  }
  EXPECT_EQ(steady, 20) << "after " << steps << " steps";
}

TEST_F(SteadyState, AFirstOrderStepRecordsNothingInBackward) {
  Rng rng(5);
  models::LeNet5 model(rng);
  const data::Batch batch = images(40, 28, rng);
  const auto nodes_made = [](auto&& work) {
    const std::int64_t before = memory_stats().graph_nodes_made;
    work();
    return memory_stats().graph_nodes_made - before;
  };
  Tensor loss;
  const std::int64_t forward =
      nodes_made([&] { loss = cross_entropy(model(batch.inputs), batch.targets); });
  EXPECT_GE(forward, 8);  // 7 layers and the loss
  EXPECT_EQ(nodes_made([&] { loss.backward(); }), 0);
  const std::int64_t sharded =
      nodes_made([&] { backward_in_shards(batch, model.parameters(), cross_entropy_of(model)); });
  EXPECT_EQ(sharded, 3 * forward);  // 16 + 16 + 8 samples
}

}  // namespace
}  // namespace tenon
