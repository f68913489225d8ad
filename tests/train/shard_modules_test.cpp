// What modules do in shards: hooks, buffers, dropout, batch normalisation.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "support/close.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/core/shard_internal.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/dropout.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"
#include "tenon/train/shards.h"
#include "train/sharded.h"

namespace tenon {
namespace {

using ShardModules = Shards;

TEST_F(ShardModules, TensorHooksRunOnceOnTheWholeGradient) {
  Weight model;
  std::vector<float> seen;
  model.w.register_hook([&](const Tensor& gradient) {
    EXPECT_FALSE(in_shard());
    seen.push_back(gradient.item<float>());
    return gradient * 10.0;
  });
  const auto loss = [&](const data::Batch& shard) { return sum(model(shard.inputs)); };
  backward_in_shards({numbers(4), {}}, model.parameters(), loss, {.shard_size = 1, .divisor = 1});
  EXPECT_EQ(seen, std::vector<float>{10});
  EXPECT_EQ(model.w.grad().item<float>(), 100);
  sum(model(numbers(4))).backward();  // and leaf hooks work again outside
  EXPECT_EQ(seen.size(), 2U);
}

TEST_F(ShardModules, ModuleHooksRunInEachShard) {
  Weight model;
  std::atomic<int> calls{0};
  model.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++calls; });
  backward_in_shards({numbers(40), {}}, model.parameters(),
                     [&](const data::Batch& shard) { return sum(model(shard.inputs)); },
                     {.shard_size = 2});
  EXPECT_EQ(calls, 20);
}

TEST_F(ShardModules, CarryTheCallersGuardsAndPath) {
  set_num_threads(4);
  class Outer : public nn::Module {
   public:
    Outer() : inner(child<Weight>("inner")) {}
    Tensor forward(const Tensor& x) override {
      backward_in_shards({x, {}}, parameters(),
                         [&](const data::Batch& shard) { return sum(log(inner(shard.inputs))); },
                         {.shard_size = 1});
      return x;
    }
    Weight& inner;
  };
  Outer outer;
  const AnomalyGuard guard;
  const std::string text = message_of<GradientError>([&] { outer(numbers(40) - 1.0); });  // log(0)
  expect_says(text, "log: ");
  expect_says(text, "in Outer");
  expect_says(text, "called from shard_modules_test.cpp");
}

TEST_F(ShardModules, BufferUpdatesAreAppliedInOrder) {
  set_num_threads(4);
  class Memory : public nn::Module {
   public:
    Memory()
        : w(register_parameter("w", Tensor::ones({1}))),
          digits(register_buffer("digits", Tensor::zeros({1}, {.dtype = Dtype::f64}))) {}
    Tensor forward(const Tensor& x) override {
      update_buffer("digits", [x](const Tensor& old) { return old * 10.0 + x.to(Dtype::f64); });
      return w * x;
    }
    Tensor& w;
    Tensor& digits;
  };
  Memory model;
  backward_in_shards({numbers(9), {}}, model.parameters(),
                     [&](const data::Batch& shard) { return sum(model(shard.inputs)); },
                     {.shard_size = 1});
  EXPECT_EQ(model.digits.item<double>(), 123456789);
}

TEST_F(ShardModules, DropoutMasksAreThoseOfTheWholeBatch) {
  set_num_threads(3);
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng)
        : w(register_parameter("w", Tensor::ones({1}))),
          first(child<nn::Dropout>("first", 0.5, rng)),
          second(child<nn::Dropout>("second", 0.3, rng)) {}
    Tensor forward(const Tensor& x) override { return first(second(first(w * x))); }
    Tensor& w;
    nn::Dropout& first;
    nn::Dropout& second;
  };
  Rng one(7), two(7), data(8);
  Net whole(one), cut(two);
  for (int step = 0; step < 3; ++step) {
    const Tensor x = Tensor::normal({37, 2, 5}, data);
    const Tensor want = whole(x);
    std::vector<Tensor> parts(37);
    backward_in_shards(
        {x, Tensor::arange(std::int64_t{37})}, cut.parameters(),
        [&](const data::Batch& shard) {
          const Tensor y = cut(shard.inputs);
          const std::vector<std::int64_t> samples = shard.targets.to_vector<std::int64_t>();
          for (std::size_t i = 0; i < samples.size(); ++i)
            parts[static_cast<std::size_t>(samples[i])] = y[static_cast<std::int64_t>(i)].detach();
          return sum(y);
        },
        {.shard_size = 4});
    EXPECT_TRUE(close(stack(parts), want.detach(), {0, 0})) << step;
    EXPECT_GT(sum(equal(want, 0.0)).item<int>(), 100);
  }
  EXPECT_EQ(cut.buffers().at("first.calls").item<int>(), 6);
  EXPECT_EQ(cut.buffers().at("second.calls").item<int>(), 3);
  EXPECT_EQ(whole.buffers().at("first.calls").item<int>(), 6);
}

TEST_F(ShardModules, UnequalDropoutCallsAreAnError) {
  Rng rng(9);
  Weight model;
  nn::Dropout dropout(0.5, rng);
  const auto loss = [&](const data::Batch& shard) {
    const Tensor y = model(shard.inputs);
    return sum(shard.inputs.item<int>() == 3 ? y : dropout(y));
  };
  const std::string text = message_of<Error>([&] {
    backward_in_shards({numbers(4), {}}, model.parameters(), loss, {.shard_size = 1});
  });
  expect_says(text, "Dropout drew noise 1 times in shard 0 but 0 times in shard 2");
  expect_says(text, "shard_modules_test.cpp");
  EXPECT_FALSE(model.w.grad().defined());
  EXPECT_EQ(dropout.buffers().at("calls").item<int>(), 0);
}

TEST_F(ShardModules, DropoutNeedsSamplesOnAxisZero) {
  Rng rng(10);
  Weight model;
  nn::Dropout dropout(0.5, rng);
  const auto loss = [&](const data::Batch& shard) {
    return sum(dropout(sum(model(shard.inputs), {0}, {.keepdim = true})));
  };
  expect_says(message_of<ShapeError>([&] {
                backward_in_shards({numbers(4), {}}, model.parameters(), loss, {.shard_size = 2});
              }),
              "does not consist of the 2 samples of this shard");
}

TEST_F(ShardModules, DropoutFromAStreamThrows) {
  Rng rng(11);
  Weight model;
  const auto loss = [&](const data::Batch& shard) {
    return sum(dropout(model(shard.inputs), 0.5, rng));
  };
  expect_says(message_of<Error>([&] {
                backward_in_shards({numbers(4), {}}, model.parameters(), loss);
              }),
              "dropout: ");
}

TEST_F(ShardModules, BatchNormThrowsUnlessAskedFor) {
  Rng rng(12);
  nn::Sequential model;
  model.add<nn::Linear>("fc", 4, 3, rng);
  nn::BatchNorm1d& norm = model.add<nn::BatchNorm1d>("norm", 3);
  const data::Batch batch{Tensor::normal({40, 4}, rng), {}};
  const auto loss = [&](const data::Batch& shard) {
    return sum(square(model(shard.inputs) - 1.0));
  };
  const std::string text =
      message_of<Error>([&] { backward_in_shards(batch, model.parameters(), loss); });
  expect_says(text,
              "batch normalisation couples the samples of a batch, but a shard holds 16 of 40");
  expect_says(text, "BatchNormInShards::per_shard");
  expect_says(text, "in Sequential.norm");
  norm.set_training(false);
  EXPECT_NO_THROW(backward_in_shards(batch, model.parameters(), loss));
}

TEST_F(ShardModules, PerShardBatchNormAveragesTheShardsStatistics) {
  Rng rng(13);
  nn::BatchNorm1d norm(3, {.momentum = 0.25});
  const Tensor x = Tensor::normal({10, 3}, rng, {.mean = 2, .stddev = 3});
  std::vector<float> one, four;
  for (const int threads : {1, 4}) {
    set_num_threads(threads);
    nn::BatchNorm1d layer(3, {.momentum = 0.25});
    backward_in_shards(
        {x, {}}, layer.parameters(),
        [&](const data::Batch& shard) { return sum(square(layer(shard.inputs) - 1.0)); },
        {.shard_size = 4, .batch_norm = BatchNormInShards::per_shard});
    (threads == 1 ? one : four) = layer.running_var().to_vector<float>();
    // Shards of 4, 4 and 2 samples: their means and unbiased variances, weighted by their sizes.
    const std::vector<double> xs = x.to_vector<double>();
    for (std::size_t c = 0; c < 3; ++c) {
      double mean = 0, variance = 0;
      for (const auto& [first, end] :
           {std::pair<std::size_t, std::size_t>{0, 4}, {4, 8}, {8, 10}}) {
        const auto count = static_cast<double>(end - first);
        double shard_mean = 0, squares = 0;
        for (std::size_t n = first; n < end; ++n) shard_mean += xs[n * 3 + c] / count;
        for (std::size_t n = first; n < end; ++n)
          squares += (xs[n * 3 + c] - shard_mean) * (xs[n * 3 + c] - shard_mean);
        mean += shard_mean * count / 10;
        variance += squares / (count - 1) * count / 10;
      }
      EXPECT_NEAR(layer.running_mean().to_vector<double>()[c], 0.25 * mean, 1e-5);
      EXPECT_NEAR(layer.running_var().to_vector<double>()[c], 0.75 + 0.25 * variance, 1e-4);
    }
  }
  EXPECT_EQ(one, four);
}

}  // namespace
}  // namespace tenon
