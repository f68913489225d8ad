#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "models/lenet5.h"
#include "tenon/core/kernel_report.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/shape.h"
#include "tenon/optim/optim.h"
#include "tenon/train/shards.h"
#include "train/sharded.h"

namespace tenon {
namespace {

#ifdef TENON_SANITIZE
constexpr int kSteps = 20;  // a sanitizer makes 2200 steps take minutes
#else
constexpr int kSteps = 200;
#endif

class SameBits : public Shards {};

/// Lists the threads that run the first shards. Each waits until `threads` of them are inside, so
/// that as many threads must take part.
class Attendance {
 public:
  explicit Attendance(int threads) : threads_(threads) {}

  void note() {
    if (++calls_ > threads_) return;
    {
      const std::lock_guard lock(mutex_);
      ids_.insert(std::this_thread::get_id());
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (calls_ < threads_ && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
  }
  std::size_t threads() const { return ids_.size(); }

 private:
  const int threads_;
  std::atomic<int> calls_{0};
  std::mutex mutex_;
  std::set<std::thread::id> ids_;
};

std::vector<float> weights(const nn::Module& model) {
  std::vector<float> all;
  for (const auto& [name, tensor] : model.parameters())
    for (const float value : tensor.to_vector<float>()) all.push_back(value);
  return all;
}

class LeNet5WithDropout : public nn::Module {
 public:
  explicit LeNet5WithDropout(Rng& rng)
      : lenet_(child<models::LeNet5>("lenet", rng)),
        dropout_(child<nn::Dropout>("dropout", 0.3, rng)),
        last_(child<nn::Linear>("last", 10, 10, rng)) {}
  Tensor forward(const Tensor& x) override { return last_(dropout_(lenet_(dropout_(x)))); }

 private:
  models::LeNet5& lenet_;
  nn::Dropout& dropout_;
  nn::Linear& last_;
};

/// The weights after some steps of Adam in shards of 2 images, 16 groups of them.
template <class Model>
std::vector<float> trained_in_shards(int threads, int steps) {
  set_num_threads(threads);
  Rng rng(7);
  Model model(rng);
  optim::Adam adam(model.parameters(), {.learning_rate = 1e-3});
  const data::Batch samples = images(64, 28, rng);
  const std::vector<float> initial = weights(model);
  Attendance attendance(threads);
  for (int step = 0; step < steps; ++step) {
    const SliceOptions part{.start = step % 32, .stop = step % 32 + 32};
    const data::Batch batch{slice(samples.inputs, 0, part), slice(samples.targets, 0, part)};
    adam.zero_grad();
    backward_in_shards(batch, model.parameters(),
                       [&](const data::Batch& shard) {
                         attendance.note();
                         return cross_entropy_of(model)(shard);
                       },
                       {.shard_size = 2});
    adam.step();
  }
  EXPECT_EQ(attendance.threads(), static_cast<std::size_t>(threads));
  EXPECT_NE(weights(model), initial);
  return weights(model);
}

/// Runs train(threads) twice for each of these numbers of threads.
template <class Train>
void expect_same_bits(std::initializer_list<int> thread_counts, Train train) {
  const std::vector<float> want = train(1);
  for (const int threads : thread_counts)
    for (int run = 0; run < 2; ++run)
      EXPECT_TRUE(train(threads) == want) << threads << " threads, run " << run;
}

TEST_F(SameBits, AfterTwoHundredStepsOnOneToEightThreads) {
  expect_same_bits({1, 2, 3, 4, 8},
                   [](int threads) { return trained_in_shards<models::LeNet5>(threads, kSteps); });
}

TEST_F(SameBits, WithDropout) {
  expect_same_bits({2, 3, 8},
                   [](int threads) { return trained_in_shards<LeNet5WithDropout>(threads, 20); });
}

TEST_F(SameBits, UnderLoad) {
  std::atomic<bool> done{false};
  std::vector<std::thread> load;
  for (int i = 0; i < 3; ++i)
    load.emplace_back([&] {
      for (std::uint64_t work = 0; !done; ++work)
        if (work % 100000 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    });
  expect_same_bits({2, 4},
                   [](int threads) { return trained_in_shards<models::LeNet5>(threads, 20); });
  done = true;
  for (std::thread& thread : load) thread.join();
}

TEST_F(SameBits, OfShardsThatDoNotDivideTheBatch) {
  const auto train = [](int threads) {
    set_num_threads(threads);
    Rng rng(9);
    models::LeNet5 model(rng);
    optim::Adam adam(model.parameters(), {.learning_rate = 1e-3});
    for (const std::int64_t samples : {37, 1, 100, 64, 5, 90}) {
      const data::Batch batch = images(samples, 28, rng);
      adam.zero_grad();
      backward_in_shards(batch, model.parameters(), cross_entropy_of(model), {.shard_size = 5});
      adam.step();
    }
    return weights(model);
  };
  expect_same_bits({2, 3, 8}, train);
}

// Fewer than 4 images of many channels go through oneDNN.
TEST_F(SameBits, OfWholeBatchesThroughOneDnn) {
  const auto train = [](int threads) {
    set_num_threads(threads);
    Rng rng(8);
    nn::Sequential model;
    model.add<nn::Conv2d>("conv1", 16, 64, 3, rng, nn::Conv2dOptions{.stride = 2, .padding = 1});
    model.add<nn::Relu>("relu");
    model.add<nn::Conv2d>("conv2", 64, 96, 3, rng, nn::Conv2dOptions{.padding = 1});
    model.add<nn::AvgPool2d>("pool", 4);
    model.add<nn::Flatten>("flatten");
    model.add<nn::Linear>("fc", 96 * 6 * 6, 10, rng);
    optim::Adam adam(model.parameters(), {.learning_rate = 1e-3});
    const data::Batch batch{Tensor::normal({3, 16, 48, 48}, rng), Tensor::randint(0, 10, {3}, rng)};
    for (int step = 0; step < 6; ++step) {
      adam.zero_grad();
      cross_entropy(model(batch.inputs), batch.targets).backward();
      adam.step();
    }
    return weights(model);
  };
  reset_kernel_report();
  expect_same_bits({1, 2, 3, 4, 8}, train);
  bool through_onednn = false;
  for (const KernelUse& use : kernel_report()) through_onednn |= use.kernel == "onednn";
  EXPECT_TRUE(through_onednn);
}

}  // namespace
}  // namespace tenon
