#include "tenon/train/shards.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "models/lenet5.h"
#include "models/mlp.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/core/shard_internal.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "train/sharded.h"

namespace tenon {
namespace {

TEST_F(Shards, GradientsAndLossAreThoseOfTheWholeBatch) {
  Rng rng(1);
  models::LeNet5 model(rng);
  for (const std::int64_t samples : {1, 7, 16, 40, 300}) {
    const data::Batch batch = images(samples, 28, rng);
    model.zero_grad();
    const Tensor whole = cross_entropy(model(batch.inputs), batch.targets);
    whole.backward();
    std::vector<Tensor> want;
    for (auto [name, tensor] : model.parameters()) want.push_back(tensor.grad().clone());
    for (const std::int64_t shard_size : {1, 5, 16, 1000}) {
      model.zero_grad();
      const double loss = backward_in_shards(batch, model.parameters(), cross_entropy_of(model),
                                             {.shard_size = shard_size});
      EXPECT_NEAR(loss, whole.item<double>(), 1e-5) << samples << " " << shard_size;
      for (std::size_t i = 0; i < want.size(); ++i)
        EXPECT_TRUE(close(model.parameters()[i].tensor.grad(), want[i],
                          {.relative = 1e-4, .absolute = 1e-6}))
            << samples << " " << shard_size << " " << model.parameters()[i].name;
    }
  }
}

TEST_F(Shards, EachThreadCountGivesTheSameBits) {
  const auto train = [](int threads) {
    set_num_threads(threads);
    Rng rng(2);
    models::LeNet5 model(rng);
    for (int step = 0; step < 50; ++step) {
      model.zero_grad();
      backward_in_shards(images(20, 28, rng), model.parameters(), cross_entropy_of(model),
                         {.shard_size = 3});
      const NoGradGuard no_grad;
      for (auto [name, tensor] : model.parameters())
        tensor.copy_from(tensor - 0.05 * tensor.grad());
    }
    std::vector<float> all;
    for (const auto& [name, tensor] : model.parameters())
      for (const float value : tensor.to_vector<float>()) all.push_back(value);
    return all;
  };
  const std::vector<float> one = train(1);
  for (const int threads : {2, 3, 4}) EXPECT_EQ(train(threads), one) << threads;
}

TEST_F(Shards, TrainingLowersTheLoss) {
  Rng rng(3);
  models::Mlp model({8, 32, 4}, rng);
  const data::Batch batch{Tensor::normal({50, 8}, rng), Tensor::randint(0, 4, {50}, rng)};
  double first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    model.zero_grad();
    last = backward_in_shards(batch, model.parameters(), cross_entropy_of(model));
    if (step == 0) first = last;
    const NoGradGuard no_grad;
    for (auto [name, tensor] : model.parameters()) tensor.copy_from(tensor - 0.3 * tensor.grad());
  }
  EXPECT_LT(last, 0.1 * first);
}

TEST_F(Shards, CutsViewsOfConsecutiveSamples) {
  set_num_threads(1);
  Weight model;
  Rng rng(4);
  const Tensor x = in_order(Tensor::normal({37, 2, 3, 3}, rng), Order::batch_inner);
  const data::Batch batch{x, Tensor::arange(std::int64_t{37})};
  std::vector<std::int64_t> sizes, targets;
  backward_in_shards(batch, model.parameters(),
                     [&](const data::Batch& shard) {
                       sizes.push_back(shard.size());
                       EXPECT_EQ(shard.inputs.impl()->storage.get(), x.impl()->storage.get());
                       for (const std::int64_t target : shard.targets.to_vector<std::int64_t>())
                         targets.push_back(target);
                       return sum(model(shard.inputs));
                     },
                     {.shard_size = 16});
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{16, 16, 5}));
  EXPECT_EQ(targets, batch.targets.to_vector<std::int64_t>());
}

TEST_F(Shards, RunOnOneThreadEachAndInParallel) {
  set_num_threads(4);
  Weight model;
  std::atomic<int> shards{0};
  backward_in_shards({numbers(100), {}}, model.parameters(),
                     [&](const data::Batch& shard) {
                       ++shards;
                       EXPECT_TRUE(in_shard());
                       EXPECT_TRUE(in_parallel_body());
                       EXPECT_FALSE(shard.targets.defined());
                       return sum(model(shard.inputs));
                     },
                     {.shard_size = 2});
  EXPECT_EQ(shards, 50);
  EXPECT_FALSE(in_shard());
  EXPECT_FALSE(in_parallel_body());
  EXPECT_TRUE(is_recording());
}

TEST_F(Shards, DividesByTheBatchSizeOrTheDivisor) {
  Weight model;
  const data::Batch batch{numbers(10), {}};
  const auto loss = [&](const data::Batch& shard) { return sum(model(shard.inputs)); };
  EXPECT_DOUBLE_EQ(backward_in_shards(batch, model.parameters(), loss, {.shard_size = 3}), 11);
  EXPECT_FLOAT_EQ(model.w.grad().item<float>(), 5.5F);
  model.zero_grad();
  EXPECT_DOUBLE_EQ(
      backward_in_shards(batch, model.parameters(), loss, {.shard_size = 3, .divisor = 5}), 22);
  EXPECT_FLOAT_EQ(model.w.grad().item<float>(), 11);
  for (const double divisor : {0.0, -2.0, __builtin_nan("")})
    expect_says(message_of<Error>([&] {
                  backward_in_shards(batch, model.parameters(), loss, {.divisor = divisor});
                }),
                "divisor must be above 0");
}

TEST_F(Shards, AddToAnExistingGradient) {
  Weight model;
  model.w.set_grad(Tensor::full({1}, 100));
  backward_in_shards({numbers(4), {}}, model.parameters(),
                     [&](const data::Batch& shard) { return sum(model(shard.inputs)); },
                     {.shard_size = 1});
  EXPECT_EQ(model.w.grad().item<float>(), 102.5F);
  EXPECT_FALSE(model.w.grad().requires_grad());
}

TEST_F(Shards, SkipFrozenAndUnusedParameters) {
  Weight model, frozen, unused;
  frozen.set_requires_grad(false);
  ParameterList all(
      {{"w", model.w}, {"again", model.w}, {"frozen", frozen.w}, {"unused", unused.w}});
  const auto loss = [&](const data::Batch& shard) { return sum(frozen(model(shard.inputs))); };
  backward_in_shards({numbers(4), {}}, all, loss, {.shard_size = 1});
  EXPECT_EQ(model.w.grad().item<float>(), 5);  // once, though it is listed twice
  EXPECT_FALSE(frozen.w.grad().defined());
  EXPECT_FALSE(unused.w.grad().defined());
}

TEST_F(Shards, AParameterOfSomeShardsCountsThere) {
  Weight model, odd;
  ParameterList all({{"w", model.w}, {"odd", odd.w}});
  const auto loss = [&](const data::Batch& shard) {
    const bool is_odd = shard.inputs.item<int>() % 2 == 1;
    return sum(is_odd ? odd(model(shard.inputs)) : model(shard.inputs));
  };
  backward_in_shards({numbers(5), {}}, all, loss, {.shard_size = 1, .divisor = 1});
  EXPECT_EQ(odd.w.grad().item<float>(), 2 * (1 + 3 + 5));
  EXPECT_EQ(model.w.grad().item<float>(), 2 * (1 + 3 + 5) + 2 + 4);
}

TEST_F(Shards, AShardWithoutAGradientAddsNone) {
  Weight model;
  const auto loss = [&](const data::Batch& shard) {
    return shard.inputs.item<int>() == 2 ? Tensor::from(10.0F) : sum(model(shard.inputs));
  };
  EXPECT_DOUBLE_EQ(backward_in_shards({numbers(3), {}}, model.parameters(), loss,
                                      {.shard_size = 1, .divisor = 1}),
                   18);
  EXPECT_EQ(model.w.grad().item<float>(), 4);
  const auto constant = [](const data::Batch&) { return Tensor::from(1.0F); };
  expect_says(message_of<GradientError>([&] {
                backward_in_shards({numbers(3), {}}, model.parameters(), constant);
              }),
              "the loss of no shard depends on anything that requires grad");
}

TEST_F(Shards, GradientsTakeTheParametersStrides) {
  class Layout : public nn::Module {
   public:
    explicit Layout(const Tensor& weight) : w(register_parameter("w", weight)) {}
    Tensor& w;
  };
  Rng rng(5);
  const Tensor weight = Tensor::normal({3, 4}, rng);
  for (const auto& [name, view] : layouts(weight)) {
    Layout model(view);
    const data::Batch batch{Tensor::normal({6, 3}, rng), {}};
    const auto loss = [&](const data::Batch& shard) {
      return sum(square(sum(unsqueeze(shard.inputs, 2) * model.w, {1})));
    };
    loss(batch).backward();
    const Tensor want = model.w.grad();
    model.zero_grad();
    backward_in_shards(batch, model.parameters(), loss, {.shard_size = 2, .divisor = 1});
    EXPECT_TRUE(close(model.w.grad(), want)) << name;
    EXPECT_EQ(model.w.grad().strides(), want.strides()) << name;
  }
}

TEST_F(Shards, HaveF64Gradients) {
  Rng rng(6);
  models::Mlp model({5, 7, 3}, rng, {.activation = Activation::tanh});
  model.to(Dtype::f64);
  const data::Batch batch{Tensor::normal({33, 5}, rng, {.dtype = Dtype::f64}),
                          Tensor::randint(0, 3, {33}, rng)};
  cross_entropy(model(batch.inputs), batch.targets).backward();
  std::vector<Tensor> want;
  for (auto [name, tensor] : model.parameters()) want.push_back(tensor.grad().clone());
  model.zero_grad();
  backward_in_shards(batch, model.parameters(), cross_entropy_of(model), {.shard_size = 4});
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_TRUE(close(model.parameters()[i].tensor.grad(), want[i])) << i;
}

TEST_F(Shards, TheFirstExceptionIsRethrownAndChangesNothing) {
  class Model : public nn::Module {
   public:
    Model()
        : w(register_parameter("w", Tensor::ones({1}))),
          seen(register_buffer("seen", Tensor::zeros({1}))) {}
    Tensor forward(const Tensor& x) override {
      update_buffer("seen", [](const Tensor& old) { return old + 1.0; });
      return w * x;
    }
    Tensor& w;
    Tensor& seen;
  };
  for (const int threads : {1, 4}) {
    set_num_threads(threads);
    Model model;
    model.w.set_grad(Tensor::full({1}, 3));
    const auto loss = [&](const data::Batch& shard) {
      const int sample = shard.inputs.item<int>();
      if (sample == 31 || sample == 38) throw DataError("sample " + std::to_string(sample));
      return sum(model(shard.inputs));
    };
    const std::string text = message_of<DataError>([&] {
      backward_in_shards({numbers(40), {}}, model.parameters(), loss, {.shard_size = 1});
    });
    EXPECT_EQ(text, "sample 31");
    EXPECT_EQ(model.w.grad().item<float>(), 3);
    EXPECT_EQ(model.seen.item<float>(), 0);
    EXPECT_TRUE(is_recording());
    EXPECT_FALSE(in_shard());
  }
}

TEST_F(Shards, RefuseABadLoss) {
  Weight model;
  const auto run = [&](FunctionRef<Tensor(const data::Batch&)> loss) {
    backward_in_shards({numbers(4), {}}, model.parameters(), loss);
  };
  const std::string shape = message_of<ShapeError>(
      [&] { run([&](const data::Batch& shard) { return model(shard.inputs); }); });
  expect_says(shape, "the loss of a shard must be a scalar, not 4 elements");
  expect_says(shape, "loss [4] f32");
  expect_says(shape, "shards_test.cpp");
  expect_says(message_of<DtypeError>(
                  [&] { run([](const data::Batch&) { return Tensor::from(std::int64_t{1}); }); }),
              "the loss must be f32 or f64 but is i64");
  expect_says(message_of<ShapeError>([&] { run([](const data::Batch&) { return Tensor(); }); }),
              "the loss is an undefined tensor");
  const Tensor shared = model.w * 2.0;
  const std::string history = message_of<GradientError>(
      [&] { run([&](const data::Batch& shard) { return sum(shared * shard.inputs); }); });
  expect_says(history, "the loss depends on a multiply that was recorded before the call");
  EXPECT_FALSE(model.w.grad().defined());
}

TEST_F(Shards, RefuseABadBatch) {
  Weight model;
  const auto loss = [&](const data::Batch& shard) { return sum(model(shard.inputs)); };
  const auto run = [&](const data::Batch& batch, const ShardOptions& options = {}) {
    return [&, batch, options] { backward_in_shards(batch, model.parameters(), loss, options); };
  };
  expect_says(message_of<ShapeError>(run({Tensor::zeros({0, 3}), {}})),
              "the batch has no samples on axis 0");
  expect_says(message_of<ShapeError>(run({Tensor::from(1.0F), {}})),
              "the batch has no samples on axis 0");
  expect_says(message_of<ShapeError>(run({{}, {}})), "inputs is an undefined tensor");
  expect_says(message_of<ShapeError>(run({numbers(4), numbers(3)})),
              "different numbers of samples");
  expect_says(message_of<ShapeError>(run({numbers(4), numbers(3)})),
              "Cut both from the same samples: a shard takes the same rows of each.");
  expect_says(message_of<ShapeError>(run({numbers(4), {}}, {.shard_size = 0})),
              "shard_size must be at least 1 but is 0");
  model.set_requires_grad(false);
  expect_says(message_of<GradientError>(run({numbers(4), {}})), "no parameter requires grad");
  model.set_requires_grad(true);
  const NoGradGuard no_grad;
  expect_says(message_of<GradientError>(run({numbers(4), {}})), "nothing is recorded here");
}

TEST_F(Shards, CannotBeCutAgain) {
  Weight model;
  const auto inner = [&](const data::Batch& shard) { return sum(model(shard.inputs)); };
  const auto outer = [&](const data::Batch& shard) {
    backward_in_shards(shard, model.parameters(), inner);
    return inner(shard);
  };
  expect_says(message_of<Error>([&] {
                backward_in_shards({numbers(4), {}}, model.parameters(), outer);
              }),
              "called inside a shard");
}

TEST_F(Shards, LeaveNoMemoryBehind) {
  Rng rng(14);
  models::Mlp model({6, 5, 3}, rng);
  const data::Batch batch{Tensor::normal({40, 6}, rng), Tensor::randint(0, 3, {40}, rng)};
  const auto step = [&] {
    model.zero_grad();
    backward_in_shards(batch, model.parameters(), cross_entropy_of(model));
  };
  step();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(memory_stats().live_tensors, before.live_tensors);
  EXPECT_EQ(memory_stats().live_graph_nodes, before.live_graph_nodes);
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
}

TEST_F(Shards, HugeShardSizesAreOneShard) {
  Weight model;
  const auto loss = [&](const data::Batch& shard) { return sum(model(shard.inputs)); };
  EXPECT_DOUBLE_EQ(
      backward_in_shards({numbers(4), {}}, model.parameters(), loss, {.shard_size = INT64_MAX}), 5);
}

TEST_F(Shards, ForwardIsThatOfTheWholeBatch) {
  set_num_threads(3);
  Rng rng(15);
  models::LeNet5 model(rng);
  model.set_training(false);
  const Tensor x = Tensor::normal({37, 1, 28, 28}, rng);
  const Tensor y = forward_in_shards(model, x, {.shard_size = 8});
  EXPECT_FALSE(y.requires_grad());
  EXPECT_TRUE(close(y, model(x).detach()));
  expect_says(message_of<ShapeError>([&] {
                forward_in_shards(model, Tensor::zeros({0, 1, 28, 28}));
              }),
              "no samples");
  const std::string text = message_of<ShapeError>([&] {
    forward_in_shards(model, Tensor::zeros({4, 3, 28, 28}));
  });
  expect_says(text, "LeNet5.conv1");
  expect_says(text, "shards_test.cpp");
  class Mean : public nn::Module {
   public:
    Tensor forward(const Tensor& in) override { return mean(in); }
  };
  Mean whole;
  expect_says(message_of<ShapeError>([&] { forward_in_shards(whole, x); }),
              "does not have them on axis 0");
}

}  // namespace
}  // namespace tenon
