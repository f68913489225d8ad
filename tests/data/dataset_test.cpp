#include "tenon/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/data/image_dataset.h"
#include "tenon/data/subset.h"
#include "tenon/data/tensor_dataset.h"

namespace tenon {
namespace {

using data::Batch;
using data::Dataset;
using testing::AllOf;
using testing::HasSubstr;

/// Sample i is the number i squared.
class Squares : public data::DatasetSource {
 public:
  explicit Squares(std::int64_t count, int* destroyed = nullptr)
      : count_(count), destroyed_(destroyed) {}
  ~Squares() override {
    if (destroyed_ != nullptr) ++*destroyed_;
  }
  std::int64_t size() const override { return count_; }
  Batch read(const std::vector<std::int64_t>& indices) const override {
    std::vector<std::int64_t> squares;
    for (const std::int64_t i : indices) squares.push_back(i * i);
    const auto count = static_cast<std::int64_t>(indices.size());
    return {Tensor::from(squares, {count}), {}};
  }

 private:
  std::int64_t count_;
  int* destroyed_;
};

/// Returns other numbers of samples than it was asked for.
class Wrong : public data::DatasetSource {
 public:
  explicit Wrong(Batch batch) : batch_(std::move(batch)) {}
  std::int64_t size() const override { return 10; }
  Batch read(const std::vector<std::int64_t>&) const override { return batch_; }

 private:
  Batch batch_;
};

TEST(Dataset, SharesItsSourceAndDeletesItOnce) {
  int destroyed = 0;
  {
    Dataset a = Dataset::make<Squares>(5, &destroyed);
    {
      const Dataset b = a;
      const Dataset c(new Squares(7, &destroyed));
      EXPECT_EQ(&b.source(), &a.source());
      a = c;
      EXPECT_EQ(a.size(), 7);
      EXPECT_EQ(b.size(), 5);
      EXPECT_EQ(destroyed, 0);
    }
    EXPECT_EQ(destroyed, 1);
    Dataset& self = a;
    a = self;
    EXPECT_EQ(a.read({3}).inputs.item<int>(), 9);
  }
  EXPECT_EQ(destroyed, 2);
}

TEST(Dataset, CountsHandlesOfManyThreads) {
  int destroyed = 0;
  {
    const Dataset dataset = Dataset::make<Squares>(5, &destroyed);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([dataset] {
        for (int i = 0; i < 10000; ++i) const Dataset copy = dataset;
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
}

TEST(Dataset, ChecksIndices) {
  const Dataset dataset = Dataset::make<Squares>(5);
  EXPECT_EQ(dataset.read({}).size(), 0);
  EXPECT_EQ(dataset.read({4, 0, 4}).inputs.to_vector<int>(), (std::vector<int>{16, 0, 16}));
  EXPECT_THAT(message_of<ShapeError>([&] {
                dataset.read({1, 5});
              }),
              AllOf(HasSubstr("index 5 is outside of a dataset of 5 samples"),
                    HasSubstr("dataset_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { dataset.read({-1}); }), HasSubstr("index -1"));
}

TEST(Dataset, ChecksWhatASourceReturns) {
  const Tensor three = Tensor::zeros({3, 2}), two = Tensor::zeros({2});
  EXPECT_THAT(message_of<DataError>([&] {
                Dataset::make<Wrong>(Batch{three, {}}).read({0, 1});
              }),
              AllOf(HasSubstr("returned 3 samples for 2 indices"), HasSubstr("[3, 2]")));
  EXPECT_THAT(message_of<DataError>([&] {
                Dataset::make<Wrong>(Batch{three, two}).read({0, 1, 2});
              }),
              HasSubstr("returned 2 targets for 3 indices"));
  EXPECT_THAT(message_of<DataError>([&] {
                Dataset::make<Wrong>(Batch{three, Tensor::from(1.0f)}).read({0, 1, 2});
              }),
              HasSubstr("returned 0 targets"));
  EXPECT_THAT(message_of<DataError>([&] { Dataset::make<Wrong>(Batch{}).read({0}); }),
              HasSubstr("returned 0 samples"));
  EXPECT_THAT(message_of<DataError>([&] { Dataset dataset(nullptr); }),
              HasSubstr("the source is null"));
}

TEST(ImageDataset, DividesBy255Exactly) {
  const TensorOptions bytes{.dtype = Dtype::u8};
  Tensor images = Tensor::empty({1, 1, 16, 16}, bytes);
  for (int i = 0; i < 256; ++i)
    images.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
  const data::ImageDataset dataset(images, Tensor::from({0}, {1}));
  const std::vector<float> values = dataset.read({0}).inputs.to_vector<float>();
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(values[static_cast<std::size_t>(i)], static_cast<float>(i / 255.0));
}

TEST(ImageDataset, ReadsManyImagesInParallelInTheirOrder) {
  const std::int64_t count = 300, pixels = 3 * 20 * 21;
  std::vector<std::uint8_t> values(static_cast<std::size_t>(count * pixels));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint8_t>(i * 7 + i / 1260);
  std::vector<std::int64_t> labels, indices;
  for (std::int64_t i = 0; i < count; ++i) {
    labels.push_back(i % 7);
    indices.push_back((i * 113 + 5) % count);
  }
  const Tensor images = Tensor::from(values, {count, 3, 20, 21}, Dtype::u8);
  for (const auto& [layout, x] : layouts(images)) {
    SCOPED_TRACE(layout);
    const data::ImageDataset dataset(x, Tensor::from(labels, {count}));
    EXPECT_EQ(dataset.num_classes(), 7);
    const Batch batch = dataset.read(indices);
    ASSERT_EQ(batch.inputs.shape(), (Shape{count, 3, 20, 21}));
    const std::vector<float> got = batch.inputs.to_vector<float>();
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t from = indices[static_cast<std::size_t>(i)];
      ASSERT_EQ(batch.targets.data<std::int64_t>()[i], from % 7);
      for (std::int64_t p = 0; p < pixels; ++p)
        ASSERT_EQ(got[static_cast<std::size_t>(i * pixels + p)],
                  static_cast<float>(values[static_cast<std::size_t>(from * pixels + p)]) / 255.0f);
    }
  }
}

TEST(ImageDataset, TakesEmptySets) {
  const data::ImageDataset none(Tensor::zeros({0, 1, 28, 28}, {.dtype = Dtype::u8}),
                                Tensor::zeros({0}, {.dtype = Dtype::i64}));
  EXPECT_EQ(none.size(), 0);
  EXPECT_EQ(none.num_classes(), 0);
  EXPECT_EQ(none.read({}).inputs.shape(), (Shape{0, 1, 28, 28}));
  const data::ImageDataset flat(Tensor::zeros({2, 1, 0, 4}, {.dtype = Dtype::u8}),
                                Tensor::from({0, 1}, {2}));
  EXPECT_EQ(flat.read({1}).inputs.shape(), (Shape{1, 1, 0, 4}));
}

TEST(ImageDataset, LosesNothingAsADataset) {
  const data::ImageDataset images(Tensor::zeros({2, 1, 2, 2}, {.dtype = Dtype::u8}),
                                  Tensor::from({0, 1}, {2}));
  const Dataset dataset = images;
  EXPECT_EQ(dataset.read({1}).targets.item<int>(), 1);
  Dataset other = data::TensorDataset(Tensor::zeros({3}));
  EXPECT_EQ(other.size(), 3);
  other = images;
  EXPECT_EQ(other.size(), 2);
}

TEST(ImageDataset, NoticesThatItWasAssignedAnotherKind) {
  data::ImageDataset images(Tensor::zeros({2, 1, 2, 2}, {.dtype = Dtype::u8}),
                            Tensor::from({0, 1}, {2}));
  static_cast<Dataset&>(images) = Dataset::make<Squares>(4);
  EXPECT_EQ(images.size(), 4);
  EXPECT_THAT(message_of<DataError>([&] { images.images(); }), HasSubstr("another kind"));
}

TEST(ImageDataset, ChecksItsTensors) {
  const Tensor images = Tensor::zeros({2, 1, 2, 2}, {.dtype = Dtype::u8}),
               labels = Tensor::from({0, 1}, {2});
  using data::ImageDataset;
  EXPECT_THAT(message_of<DtypeError>([&] {
                ImageDataset(Tensor::zeros({2, 1, 2, 2}), labels);
              }),
              AllOf(HasSubstr("images must be u8 but are f32"), HasSubstr("dataset_test.cpp")));
  EXPECT_THAT(message_of<DtypeError>([&] { ImageDataset(images, Tensor::zeros({2})); }),
              HasSubstr("labels must be i64"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { ImageDataset(images, Tensor::from({0}, {1})); }),
      AllOf(HasSubstr("2 images but 1 labels"), HasSubstr("[2, 1, 2, 2]"), HasSubstr("[1]")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                ImageDataset(Tensor::zeros({2, 4}, {.dtype = Dtype::u8}), labels);
              }),
              HasSubstr("images must have 4 axes"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                ImageDataset(images, Tensor::from({0, 1}, {2, 1}));
              }),
              HasSubstr("1 axis"));
  EXPECT_THAT(message_of<DataError>([&] {
                ImageDataset(images, Tensor::from({0, -1}, {2}));
              }),
              HasSubstr("label -1 of sample 1 is outside of 0 to 0"));
  EXPECT_THAT(message_of<DataError>([&] { ImageDataset(images, labels, {.num_classes = 1}); }),
              HasSubstr("label 1 of sample 1"));
  EXPECT_THAT(message_of<ShapeError>([&] { ImageDataset(Tensor(), labels); }), HasSubstr("images"));
}

TEST(TensorDataset, KeepsDtypesAndLayoutsValues) {
  for (const Dtype dtype :
       {Dtype::boolean, Dtype::u8, Dtype::i32, Dtype::i64, Dtype::f32, Dtype::f64}) {
    SCOPED_TRACE(to_string(dtype));
    std::vector<int> values;
    for (int i = 0; i < 60; ++i) values.push_back(i * 5 % 7);
    const Tensor x = Tensor::from(values, {5, 3, 4}, dtype);
    for (const auto& [layout, inputs] : layouts(x)) {
      SCOPED_TRACE(layout);
      const Batch batch = data::TensorDataset(inputs, inputs).read({4, 1});
      EXPECT_EQ(batch.inputs.dtype(), dtype);
      const std::vector<double> want_all = x.to_vector<double>();
      std::vector<double> want(want_all.begin() + 48, want_all.end());
      want.insert(want.end(), want_all.begin() + 12, want_all.begin() + 24);
      EXPECT_EQ(batch.inputs.to_vector<double>(), want);
      EXPECT_EQ(batch.targets.to_vector<double>(), want);
    }
  }
}

TEST(TensorDataset, WorksWithoutTargetsAndDropsHistory) {
  const data::TensorDataset dataset(Tensor::ones({3, 2}).set_requires_grad());
  const Batch batch = dataset.read({0, 2});
  EXPECT_FALSE(batch.targets.defined());
  EXPECT_FALSE(batch.inputs.requires_grad());
  EXPECT_EQ(batch.size(), 2);
  EXPECT_FALSE(dataset.targets().defined());
  EXPECT_EQ(data::TensorDataset(Tensor::ones({3, 0})).read({1}).inputs.shape(), (Shape{1, 0}));
}

TEST(TensorDataset, ChecksItsTensors) {
  using data::TensorDataset;
  EXPECT_THAT(message_of<ShapeError>([&] {
                TensorDataset(Tensor::zeros({2, 3}), Tensor::zeros({3}));
              }),
              AllOf(HasSubstr("2 inputs but 3 targets"), HasSubstr("[2, 3]"),
                    HasSubstr("dataset_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { TensorDataset(Tensor::from(1.0f)); }),
              HasSubstr("rank 0"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { TensorDataset(Tensor::zeros({1}), Tensor::from(1.0f)); }),
      HasSubstr("rank 0"));
  EXPECT_THAT(message_of<ShapeError>([&] { TensorDataset(Tensor{}); }), HasSubstr("inputs"));
}

TEST(Subset, MapsIndicesAndNests) {
  const Dataset dataset = Dataset::make<Squares>(10);
  const data::Subset odd(dataset, {1, 3, 5, 7, 9, 9});
  EXPECT_EQ(odd.size(), 6);
  EXPECT_EQ(odd.read({5, 0}).inputs.to_vector<int>(), (std::vector<int>{81, 1}));
  const data::Subset two(odd, {4, 1});
  EXPECT_EQ(two.read({0, 1}).inputs.to_vector<int>(), (std::vector<int>{81, 9}));
  EXPECT_EQ(two.indices(), (std::vector<std::int64_t>{4, 1}));
  EXPECT_THAT(message_of<ShapeError>([&] {
                data::Subset(dataset, {0, 10});
              }),
              AllOf(HasSubstr("index 10 is outside of a dataset of 10 samples"),
                    HasSubstr("dataset_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] { odd.read({6}); }), HasSubstr("index 6"));
}

TEST(RandomSplit, CutsIntoDisjointPartsByTheRng) {
  const Dataset dataset = Dataset::make<Squares>(100);
  const auto split = [&](std::uint64_t seed) {
    Rng rng(seed);
    return data::random_split(dataset, {70, 0, 30}, rng);
  };
  const std::vector<data::Subset> parts = split(1);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].size(), 70);
  EXPECT_EQ(parts[1].size(), 0);
  std::set<std::int64_t> all(parts[0].indices().begin(), parts[0].indices().end());
  all.insert(parts[2].indices().begin(), parts[2].indices().end());
  EXPECT_EQ(all.size(), 100U);
  EXPECT_FALSE(std::is_sorted(parts[0].indices().begin(), parts[0].indices().end()));
  EXPECT_EQ(split(1)[0].indices(), parts[0].indices());
  EXPECT_NE(split(2)[0].indices(), parts[0].indices());
}

TEST(RandomSplit, ChecksTheSizes) {
  const Dataset dataset = Dataset::make<Squares>(10);
  Rng rng(1);
  for (const std::vector<std::int64_t>& sizes :
       {std::vector<std::int64_t>{5, 4}, {5, 6}, {-1, 11}, {}, {INT64_MAX, INT64_MAX, 12}})
    EXPECT_THAT(message_of<ShapeError>([&] { data::random_split(dataset, sizes, rng); }),
                AllOf(HasSubstr("do not add up to the 10 samples"), HasSubstr("dataset_test.cpp")));
}

TEST(Batch, SizeIsThatOfTheFirstAxis) {
  EXPECT_EQ(Batch{}.size(), 0);
  EXPECT_EQ((Batch{Tensor::zeros({4, 2}), {}}.size()), 4);
  EXPECT_EQ((Batch{Tensor::from(1.0f), {}}.size()), 0);
}

}  // namespace
}  // namespace tenon
