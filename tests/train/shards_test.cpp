#include "tenon/train/shards.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "models/lenet5.h"
#include "models/mlp.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/core/parallel.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/core/shard_internal.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/dropout.h"
#include "tenon/ops/elementwise.h"
#include "tenon/ops/loss.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

/// Restores the number of threads.
class Shards : public testing::Test {
 protected:
  ~Shards() override { set_num_threads(threads_); }

 private:
  int threads_ = num_threads();
};

data::Batch images(std::int64_t samples, std::int64_t size, Rng& rng) {
  return {Tensor::normal({samples, 1, size, size}, rng), Tensor::randint(0, 10, {samples}, rng)};
}

/// The sum of the losses of a shard.
auto cross_entropy_of(nn::Module& model) {
  return [&model](const data::Batch& shard) {
    return cross_entropy(model(shard.inputs), shard.targets, {.reduction = Reduction::sum});
  };
}

void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

/// y = w x summed: a model whose gradients are exact in floating point for small integers.
class Weight : public nn::Module {
 public:
  explicit Weight(double value = 2) : w(register_parameter("w", Tensor::full({1}, value))) {}
  Tensor forward(const Tensor& x) override { return w * x; }
  Tensor& w;
};

Tensor numbers(std::int64_t count) { return Tensor::arange(1.0, static_cast<double>(count) + 1); }

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

TEST_F(Shards, TensorHooksRunOnceOnTheWholeGradient) {
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

TEST_F(Shards, ModuleHooksRunInEachShard) {
  Weight model;
  std::atomic<int> calls{0};
  model.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++calls; });
  backward_in_shards({numbers(40), {}}, model.parameters(),
                     [&](const data::Batch& shard) { return sum(model(shard.inputs)); },
                     {.shard_size = 2});
  EXPECT_EQ(calls, 20);
}

TEST_F(Shards, CarryTheCallersGuardsAndPath) {
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
  expect_says(text, "called from shards_test.cpp");
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

TEST_F(Shards, BufferUpdatesAreAppliedInOrder) {
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

TEST_F(Shards, DropoutMasksAreThoseOfTheWholeBatch) {
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

TEST_F(Shards, UnequalDropoutCallsAreAnError) {
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
  expect_says(text, "shards_test.cpp");
  EXPECT_FALSE(model.w.grad().defined());
  EXPECT_EQ(dropout.buffers().at("calls").item<int>(), 0);
}

TEST_F(Shards, DropoutNeedsSamplesOnAxisZero) {
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

TEST_F(Shards, DropoutFromAStreamThrows) {
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

TEST_F(Shards, BatchNormThrowsUnlessAskedFor) {
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

TEST_F(Shards, PerShardBatchNormAveragesTheShardsStatistics) {
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
