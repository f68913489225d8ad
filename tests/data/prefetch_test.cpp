#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/close.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/data/loader.h"
#include "tenon/data/tensor_dataset.h"
#include "tenon/data/transforms.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using data::Batch;
using data::Loader;
using data::LoaderOptions;
using testing::AllOf;
using testing::HasSubstr;

/// What a source notes, and what it does when it reads.
struct Journal {
  std::mutex mutex;
  std::vector<std::int64_t> first_indices;  // of each batch, in the order of the reads' beginnings
  std::set<std::thread::id> threads;
  bool is_recording = false, is_parallel = false;
  std::int64_t failing = -1;  // the batch (of two) that cannot be read
  std::chrono::microseconds delay{0};
  std::atomic<int> running{0}, most_running{0};

  std::size_t reads() {
    const std::lock_guard lock(mutex);
    return first_indices.size();
  }
};

/// Sample i is the number i.
class Noted : public data::DatasetSource {
 public:
  Noted(std::int64_t count, Journal* journal) : count_(count), journal_(journal) {}
  std::int64_t size() const override { return count_; }
  Batch read(const std::vector<std::int64_t>& indices) const override {
    Journal& j = *journal_;
    const int running = ++j.running;
    int most = j.most_running;
    while (running > most && !j.most_running.compare_exchange_weak(most, running)) {
    }
    {
      const std::lock_guard lock(j.mutex);
      j.first_indices.push_back(indices.at(0));
      j.threads.insert(std::this_thread::get_id());
      j.is_recording |= is_recording();
      j.is_parallel |= !in_parallel_body();
    }
    std::this_thread::sleep_for(j.delay);
    --j.running;
    if (j.failing >= 0 && indices.at(0) / 2 == j.failing) throw std::runtime_error("no disk");
    return {Tensor::from(indices, {static_cast<std::int64_t>(indices.size())}), {}};
  }

 private:
  std::int64_t count_;
  Journal* journal_;
};

data::Dataset noted(std::int64_t count, Journal& journal) {
  return data::Dataset::make<Noted>(count, &journal);
}

using Batches = std::vector<std::vector<float>>;
Batches batches_of(const data::Epoch& epoch) {
  Batches batches;
  for (const Batch& batch : epoch) {
    std::vector<float> numbers = batch.inputs.to_vector<float>();
    for (const float x : batch.targets.to_vector<float>()) numbers.push_back(x);
    batches.push_back(numbers);
  }
  return batches;
}

struct Reading {
  std::int64_t prefetch, workers;
};
constexpr Reading kReadings[] = {{0, 0}, {1, 0}, {2, 0}, {7, 0},   {0, 1}, {1, 1},
                                 {2, 1}, {0, 2}, {2, 2}, {100, 2}, {0, 5}};

TEST(Prefetch, TheBatchesAreTheSame) {
  Rng rng(4);
  const data::TensorDataset dataset(Tensor::uniform({41, 1, 6, 6}, rng), Tensor::arange(41));
  LoaderOptions options{.batch_size = 4,
                        .shuffle = true,
                        .seed = 5,
                        .transforms = {data::PadTo({8, 8}), data::RandomShift({.pixels = 2}),
                                       data::Elastic({.alpha = 8, .sigma = 2})}};
  const Batches want = batches_of(Loader(dataset, options).epoch(2));
  ASSERT_EQ(want.size(), 11U);
  const int threads = num_threads();
  for (const int count : {1, 2}) {
    set_num_threads(count);
    for (const auto [prefetch, workers] : kReadings) {
      SCOPED_TRACE(testing::Message() << prefetch << " ahead, " << workers << " workers");
      options.prefetch = prefetch;
      options.workers = workers;
      const Loader loader(dataset, options);
      EXPECT_EQ(batches_of(loader.epoch(2)), want);
      for (std::int64_t first = 0; first <= 11; ++first) {
        const data::Epoch tail = loader.epoch(2, {.first_batch = first});
        EXPECT_EQ(tail.size(), 11 - first);
        EXPECT_EQ(batches_of(tail), Batches(want.begin() + first, want.end()));
      }
    }
  }
  set_num_threads(threads);
}

TEST(Prefetch, TheWeightedBatchesAreTheSame) {
  const data::TensorDataset dataset(Tensor::arange(5), Tensor::arange(5));
  LoaderOptions options{.batch_size = 3, .seed = 5, .weights = {1, 2, 3, 4, 5}, .samples = 20};
  const Batches want = batches_of(Loader(dataset, options).epoch(1));
  options.workers = 2;
  EXPECT_EQ(batches_of(Loader(dataset, options).epoch(1)), want);
  EXPECT_EQ(batches_of(Loader(dataset, options).epoch(1, {.first_batch = 4})),
            Batches(want.begin() + 4, want.end()));
}

TEST(Prefetch, ReadsNothingBeforeTheFirstBatch) {
  for (const auto [prefetch, workers] : kReadings) {
    Journal journal;
    const Loader loader(noted(10, journal),
                        {.batch_size = 2, .prefetch = prefetch, .workers = workers});
    std::vector<std::int64_t> seen;
    for (const Batch& batch : loader.epoch(0, {.first_batch = 3}))
      seen.push_back(batch.inputs[0].item<std::int64_t>());
    EXPECT_EQ(seen, (std::vector<std::int64_t>{6, 8}));
    EXPECT_THAT(journal.first_indices, testing::UnorderedElementsAre(6, 8));
  }
}

TEST(Prefetch, ReadsOnItsThreads) {
  const auto read = [](std::int64_t prefetch, std::int64_t workers, Journal& journal) {
    journal.delay = std::chrono::milliseconds(1);
    for (const Batch& batch :
         Loader(noted(40, journal), {.batch_size = 2, .prefetch = prefetch, .workers = workers})
             .epoch(0))
      EXPECT_EQ(batch.size(), 2);
    EXPECT_EQ(journal.first_indices.size(), 20U);
  };
  const std::thread::id mine = std::this_thread::get_id();
  Journal none, ahead, two;
  read(0, 0, none);
  EXPECT_EQ(none.threads, (std::set{mine}));
  read(1, 0, ahead);
  EXPECT_EQ(ahead.threads.size(), 1U);
  EXPECT_FALSE(ahead.threads.contains(mine));
  EXPECT_EQ(ahead.most_running, 1);
  read(0, 2, two);
  EXPECT_EQ(two.threads.size(), 2U);
  EXPECT_FALSE(two.threads.contains(mine));
  EXPECT_EQ(two.most_running, 2);
  EXPECT_FALSE(ahead.is_recording || two.is_recording) << "workers do not touch the graph";
  EXPECT_FALSE(ahead.is_parallel || two.is_parallel) << "each worker is one thread";
}

TEST(Prefetch, ReadsSoFarAheadAndNoFurther) {
  for (const auto [prefetch, workers] : {Reading{1, 0}, {3, 0}, {0, 2}, {5, 2}}) {
    Journal journal;
    const auto ahead = static_cast<std::size_t>(std::max(prefetch, workers));
    const data::Epoch epoch =
        Loader(noted(200, journal), {.batch_size = 2, .prefetch = prefetch, .workers = workers})
            .epoch(0);
    auto iterator = epoch.begin();
    for (std::size_t held = 1; held < 10; ++held, ++iterator) {
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (journal.reads() < held + ahead && std::chrono::steady_clock::now() < patience)
        std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      EXPECT_EQ(journal.reads(), held + ahead);
    }
  }
}

TEST(Prefetch, AnErrorComesInItsTurn) {
  for (const auto [prefetch, workers] : kReadings) {
    SCOPED_TRACE(testing::Message() << prefetch << " ahead, " << workers << " workers");
    Journal journal;
    journal.failing = 3;
    const data::Epoch epoch =
        Loader(noted(20, journal), {.batch_size = 2, .prefetch = prefetch, .workers = workers})
            .epoch(0);
    std::vector<std::int64_t> seen;
    try {
      for (const Batch& batch : epoch) seen.push_back(batch.inputs[0].item<std::int64_t>());
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "no disk");
    }
    EXPECT_EQ(seen, (std::vector<std::int64_t>{0, 2, 4}));
    // Whoever catches it may go on with the next batch.
    {
      auto iterator = epoch.begin();
      ++iterator, ++iterator;
      EXPECT_THROW(++iterator, std::runtime_error);
      ++iterator;
      EXPECT_EQ(iterator->inputs[0].item<std::int64_t>(), 8);
    }
    journal.failing = 0;
    EXPECT_THROW(epoch.begin(), std::runtime_error);
  }
}

TEST(Prefetch, ErrorsNameTheLineOfTheEpoch) {
  class Broken : public data::DatasetSource {
   public:
    std::int64_t size() const override { return 2; }
    Batch read(const std::vector<std::int64_t>&) const override { return {}; }
  };
  for (const std::int64_t workers : {0, 1, 2}) {
    const Loader loader(data::Dataset::make<Broken>(), {.workers = workers});
    EXPECT_THAT(message_of<DataError>([&] { loader.epoch(0).begin(); }),
                AllOf(HasSubstr("the source returned 0 samples for 1 indices"),
                      HasSubstr("prefetch_test.cpp")));
  }
}

TEST(Prefetch, LeavingEarlyWaitsForWhatIsBeingReadAlone) {
  for (const auto [prefetch, workers] : {Reading{1, 0}, {0, 2}, {50, 2}}) {
    Journal journal;
    journal.delay = std::chrono::milliseconds(3);
    const std::int64_t live = memory_stats().live_bytes, tensors = memory_stats().live_tensors;
    for (const Batch& batch :
         Loader(noted(2000, journal), {.batch_size = 2, .prefetch = prefetch, .workers = workers})
             .epoch(0)) {
      EXPECT_EQ(batch.size(), 2);
      break;
    }
    EXPECT_LE(journal.reads(), static_cast<std::size_t>(1 + std::max(prefetch, workers)));
    EXPECT_EQ(journal.running, 0) << "the threads have ended";
    EXPECT_EQ(memory_stats().live_bytes, live);
    EXPECT_EQ(memory_stats().live_tensors, tensors);
  }
}

TEST(Prefetch, IteratorsMoveAndOutliveTheirEpoch) {
  Journal journal, other;
  auto iterator = [&] {
    const data::Epoch epoch = Loader(noted(8, journal), {.batch_size = 2, .workers = 2}).epoch(0);
    return epoch.begin();
  }();
  ++iterator;
  auto moved = std::move(iterator);
  ++moved;
  EXPECT_EQ(moved->inputs.to_vector<int>(), (std::vector<int>{4, 5}));
  const data::Epoch second = Loader(noted(8, other), {.batch_size = 4, .prefetch = 1}).epoch(0);
  moved = second.begin();
  ++moved;
  EXPECT_EQ(moved->inputs.to_vector<int>(), (std::vector<int>{4, 5, 6, 7}));
  ++moved;
  EXPECT_EQ(moved, second.end());
}

TEST(Prefetch, TwoPassesAtOnceDoNotDisturbEachOther) {
  const data::TensorDataset dataset(Tensor::arange(30), Tensor::arange(30));
  const data::Epoch epoch =
      Loader(dataset, {.batch_size = 2, .shuffle = true, .workers = 2}).epoch(0);
  const Batches want = batches_of(epoch);
  auto a = epoch.begin();
  auto b = epoch.begin();
  for (std::size_t i = 0; a != epoch.end(); ++i, ++a, ++b) {
    EXPECT_EQ(a->inputs[0].item<float>(), want[i][0]);
    EXPECT_EQ(b->inputs[1].item<float>(), want[i][1]);
  }
}

TEST(Prefetch, HoldsOneBatchMoreThanIsAhead) {
  const data::TensorDataset dataset(Tensor::zeros({640, 1000}));
  for (const auto [prefetch, workers] : {Reading{1, 0}, {2, 0}, {0, 2}}) {
    const std::int64_t before = memory_stats().live_bytes, ahead = std::max(prefetch, workers);
    for (const Batch& batch :
         Loader(dataset, {.batch_size = 16, .prefetch = prefetch, .workers = workers}).epoch(0)) {
      // One was used just now and may not be freed yet.
      EXPECT_LE(memory_stats().live_bytes - before, (ahead + 2) * batch.inputs.numel() * 4);
    }
    EXPECT_EQ(memory_stats().live_bytes, before);
  }
}

#ifndef TENON_SANITIZE
TEST(Prefetch, TakesNoMemoryFromTheSystemInItsSteadyState) {
  Rng rng(4);
  const data::TensorDataset dataset(Tensor::uniform({640, 1, 28, 28}, rng), Tensor::arange(640));
  for (const auto [prefetch, workers] : {Reading{1, 0}, {2, 0}, {0, 2}}) {
    for (const bool is_transformed : {false, true}) {
      std::vector<data::Transform> transforms;
      if (is_transformed) transforms = {data::PadTo({32, 32}), data::RandomShift({.pixels = 2})};
      const Loader loader(dataset, {.batch_size = 64,
                                    .shuffle = true,
                                    .transforms = transforms,
                                    .prefetch = prefetch,
                                    .workers = workers});
      const auto run = [&](std::int64_t epoch) {
        double total = 0;
        for (const Batch& batch : loader.epoch(epoch)) total += sum(batch.inputs).item<double>();
        EXPECT_GT(total, 0);
      };
      for (std::int64_t epoch = 0; epoch < 4; ++epoch) run(epoch);
      const std::int64_t before = memory_stats().system_allocations;
      for (std::int64_t epoch = 4; epoch < 20; ++epoch) run(epoch);
      // 160 batches of two or three tensors; a block or two for an unlucky interleaving.
      EXPECT_LE(memory_stats().system_allocations - before, 4)
          << prefetch << " ahead, " << workers << " workers";
    }
  }
}
#endif

TEST(Prefetch, ChecksItsOptions) {
  const auto wrong = [](const LoaderOptions& options, const std::string& text) {
    const data::TensorDataset dataset(Tensor::arange(3));
    EXPECT_THAT(message_of<DataError>([&] { Loader(dataset, options); }),
                AllOf(HasSubstr(text), HasSubstr("prefetch_test.cpp")));
  };
  wrong({.prefetch = -1}, "prefetch is -1 but must not be negative");
  wrong({.prefetch = INT64_MAX}, "but can be at most 65536");
  wrong({.workers = -2}, "workers is -2 but must not be negative");
  wrong({.workers = 100000}, "workers is 100000 but can be at most 256");
  const Loader loader(data::TensorDataset(Tensor::arange(3)), {.batch_size = 2});
  for (const std::int64_t first : {std::int64_t{-1}, std::int64_t{3}, INT64_MAX})
    EXPECT_THAT(message_of<DataError>([&] { loader.epoch(0, {.first_batch = first}); }),
                AllOf(HasSubstr("first_batch is " + std::to_string(first) +
                                " but must be at least 0 and at most 2, the number of batches"),
                      HasSubstr("prefetch_test.cpp")));
}

}  // namespace
}  // namespace tenon
