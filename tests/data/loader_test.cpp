#include "tenon/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/core/parallel.h"
#include "tenon/data/tensor_dataset.h"

namespace tenon {
namespace {

using data::Batch;
using data::Loader;
using testing::AllOf;
using testing::HasSubstr;

static_assert(std::input_iterator<data::Epoch::Iterator>);

/// Sample i is the number i.
data::TensorDataset numbers(std::int64_t count) {
  return data::TensorDataset(Tensor::arange(count));
}

using Batches = std::vector<std::vector<std::int64_t>>;
Batches batches_of(const data::Epoch& epoch) {
  Batches batches;
  for (const Batch& batch : epoch) batches.push_back(batch.inputs.to_vector<std::int64_t>());
  return batches;
}

std::vector<std::int64_t> flat(const Batches& batches) {
  std::vector<std::int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

TEST(Loader, ReadsInOrderUnlessShuffled) {
  EXPECT_EQ(batches_of(Loader(numbers(7), {.batch_size = 3}).epoch(0)),
            (Batches{{0, 1, 2}, {3, 4, 5}, {6}}));
  EXPECT_EQ(batches_of(Loader(numbers(7), {.batch_size = 3, .drop_last = true}).epoch(5)),
            (Batches{{0, 1, 2}, {3, 4, 5}}));
  EXPECT_EQ(batches_of(Loader(numbers(2)).epoch(0)), (Batches{{0}, {1}}));
}

TEST(Loader, KnowsItsNumberOfBatches) {
  const auto batches = [](std::int64_t samples, std::int64_t batch_size, bool drop_last) {
    const Loader loader(numbers(samples), {.batch_size = batch_size, .drop_last = drop_last});
    EXPECT_EQ(loader.epoch(0).size(), loader.size());
    EXPECT_EQ(static_cast<std::int64_t>(batches_of(loader.epoch(0)).size()), loader.size());
    EXPECT_EQ(static_cast<std::int64_t>(flat(batches_of(loader.epoch(0))).size()),
              loader.samples_per_epoch());
    return loader.size();
  };
  EXPECT_EQ(batches(0, 4, false), 0);
  EXPECT_EQ(batches(1, 4, false), 1);
  EXPECT_EQ(batches(1, 4, true), 0);
  EXPECT_EQ(batches(4, 4, false), 1);
  EXPECT_EQ(batches(4, 4, true), 1);
  EXPECT_EQ(batches(5, 4, false), 2);
  EXPECT_EQ(batches(5, 4, true), 1);
  EXPECT_EQ(batches(5, INT64_MAX, false), 1);
  EXPECT_EQ(batches(5, INT64_MAX, true), 0);
}

TEST(Loader, ShufflesBySeedAndEpochAlone) {
  const auto order = [](std::uint64_t seed, std::int64_t epoch, std::int64_t batch_size = 10) {
    return flat(
        batches_of(Loader(numbers(1000), {.batch_size = batch_size, .shuffle = true, .seed = seed})
                       .epoch(epoch)));
  };
  const std::vector<std::int64_t> first = order(1, 0);
  std::vector<std::int64_t> sorted = first, all(1000);
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(sorted, all);
  EXPECT_NE(first, all);

  EXPECT_EQ(order(1, 0), first);
  EXPECT_EQ(order(1, 0, 128), first);
  EXPECT_NE(order(1, 1), first);
  EXPECT_NE(order(2, 0), first);
  EXPECT_NE(order(2, 0), order(1, 1));
  EXPECT_NE(order(0, 1), order(1, 0));
  // How many samples stay in place is about Poisson with mean 1: that 10 do has a chance of 1e-7.
  int in_place = 0;
  for (std::size_t i = 0; i < first.size(); ++i)
    in_place += first[i] == static_cast<std::int64_t>(i);
  EXPECT_LT(in_place, 10);

  const Loader loader(numbers(1000), {.batch_size = 10, .shuffle = true, .seed = 1});
  batches_of(loader.epoch(3));
  EXPECT_EQ(flat(batches_of(loader.epoch(0))), first) << "an epoch does not depend on those before";
}

TEST(Loader, TemporariesAreSafe) {
  std::int64_t sum = 0;
  for (const Batch& batch : Loader(numbers(10), {.batch_size = 4, .shuffle = true}).epoch(2))
    for (const std::int64_t x : batch.inputs.to_vector<std::int64_t>()) sum += x;
  EXPECT_EQ(sum, 45);
}

TEST(Loader, KeptBatchesStayAsTheyAre) {
  std::vector<Batch> kept;
  for (const Batch& batch : Loader(numbers(6), {.batch_size = 2}).epoch(0)) kept.push_back(batch);
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].inputs.to_vector<int>(), (std::vector<int>{0, 1}));
  EXPECT_EQ(kept[2].inputs.to_vector<int>(), (std::vector<int>{4, 5}));
}

TEST(Loader, HoldsOneBatchAtATime) {
  const data::TensorDataset dataset(Tensor::zeros({64, 1000}));
  const std::int64_t before = memory_stats().live_bytes;
  for (const Batch& batch : Loader(dataset, {.batch_size = 16}).epoch(0))
    EXPECT_EQ(memory_stats().live_bytes - before, batch.inputs.numel() * 4);
  EXPECT_EQ(memory_stats().live_bytes, before);
}

TEST(Loader, IteratesAnEpochMoreThanOnce) {
  const data::Epoch epoch =
      Loader(numbers(5), {.batch_size = 2, .shuffle = true, .seed = 9}).epoch(0);
  const Batches once = batches_of(epoch);
  EXPECT_EQ(batches_of(epoch), once);
  auto iterator = epoch.begin();
  EXPECT_EQ(iterator->size(), 2);
  iterator++;
  ++iterator;
  EXPECT_EQ((*iterator).size(), 1);
  EXPECT_NE(iterator, epoch.end());
  ++iterator;
  EXPECT_EQ(iterator, epoch.end());
}

TEST(Loader, ChecksItsArguments) {
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-3}, INT64_MIN})
    EXPECT_THAT(
        message_of<DataError>([&] { Loader(numbers(3), {.batch_size = size}); }),
        AllOf(HasSubstr("batch_size is " + std::to_string(size)), HasSubstr("loader_test.cpp")));
  EXPECT_THAT(message_of<DataError>([&] { Loader(numbers(3)).epoch(-1); }),
              AllOf(HasSubstr("epoch is -1"), HasSubstr("loader_test.cpp")));
}

TEST(Loader, ErrorsOfASourceNameTheLineOfTheEpoch) {
  class Broken : public data::DatasetSource {
   public:
    std::int64_t size() const override { return 2; }
    Batch read(const std::vector<std::int64_t>&) const override { return {}; }
  };
  const Loader loader(data::Dataset::make<Broken>());
  EXPECT_THAT(message_of<DataError>([&] { loader.epoch(0).begin(); }),
              HasSubstr("loader_test.cpp"));
}

}  // namespace
}  // namespace tenon
