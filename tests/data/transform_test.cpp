#include "tenon/data/transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/loader.h"
#include "tenon/data/tensor_dataset.h"
#include "tenon/data/transforms.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using data::Batch;
using data::Loader;
using data::LoaderOptions;
using data::Transform;
using testing::AllOf;
using testing::HasSubstr;
using Pixels = std::vector<float>;

/// `count` equal images, whose targets are their indices.
data::TensorDataset equal_images(std::int64_t count) {
  Rng rng(8);
  return data::TensorDataset(expand(Tensor::uniform({1, 2, 6, 5}, rng), {count, 2, 6, 5}),
                             Tensor::arange(count));
}

/// The image that each sample became.
std::map<std::int64_t, Pixels> by_sample(const LoaderOptions& options, std::int64_t epoch = 0,
                                         std::int64_t count = 23) {
  std::map<std::int64_t, Pixels> images;
  for (const Batch& batch : Loader(equal_images(count), options).epoch(epoch))
    for (std::int64_t i = 0; i < batch.size(); ++i)
      images[batch.targets[i].item<std::int64_t>()] = batch.inputs[i].to_vector<float>();
  return images;
}

const std::vector<Transform>& several() {
  static const std::vector<Transform> transforms{
      data::PadTo({8, 9}),
      data::RandomShift({.pixels = 2}),
      data::RandomAffine({.degrees = 20, .scale_low = 0.8, .scale_high = 1.2, .pixels = 1}),
      data::Elastic({.alpha = 8, .sigma = 2}),
      [](const Tensor& image, Rng& rng) { return image + 0.1 * normal_like(image, rng); },
      data::RandomFlip(),
      data::RandomCrop({.size = {7, 7}}),
      data::Normalize({.mean = {0.5}, .stddev = {0.25}})};
  return transforms;
}

TEST(Transform, DrawsByTheSampleAlone) {
  const LoaderOptions options{.batch_size = 4, .seed = 3, .transforms = several()};
  const auto images = by_sample(options);
  ASSERT_EQ(images.size(), 23U);
  EXPECT_EQ(images.at(0).size(), 2U * 7 * 7);
  std::set<Pixels> different;
  for (const auto& [index, pixels] : images) different.insert(pixels);
  EXPECT_EQ(different.size(), 23U) << "equal images become different ones";

  LoaderOptions other = options;
  other.batch_size = 23;
  EXPECT_EQ(by_sample(other), images) << "batch size";
  other.shuffle = true;
  EXPECT_EQ(by_sample(other), images) << "order";
  other.workers = 2;
  other.batch_size = 5;
  EXPECT_EQ(by_sample(other), images) << "workers";
  const int threads = num_threads();
  for (const int count : {1, 2, 3}) {
    set_num_threads(count);
    EXPECT_EQ(by_sample(options), images) << count << " threads";
  }
  set_num_threads(threads);

  const auto differing = [&](const std::map<std::int64_t, Pixels>& there) {
    int count = 0;
    for (const auto& [index, pixels] : images) count += there.at(index) != pixels;
    return count;
  };
  EXPECT_EQ(differing(by_sample(options, 1)), 23) << "epoch";
  other = options;
  other.seed = 4;
  EXPECT_EQ(differing(by_sample(other)), 23) << "seed";
}

TEST(Transform, TheSameTwiceDrawsTwice) {
  // Were both streams equal, all shifts would be even.
  std::set<Pixels> once, twice;
  const data::RandomShift shift({.pixels = {0, 1}});
  for (const auto& [i, pixels] : by_sample({.transforms = {shift}}, 0, 200)) once.insert(pixels);
  for (const auto& [i, pixels] : by_sample({.transforms = {shift, shift}}, 0, 200))
    twice.insert(pixels);
  EXPECT_EQ(once.size(), 3U);
  // 0; one to a side, with both borders lost or none; two to a side.
  EXPECT_EQ(twice.size(), 7U);
}

TEST(Transform, ARepeatedSampleDrawsAnew) {
  const Loader loader(equal_images(2), {.batch_size = 50,
                                        .transforms = {data::RandomShift({.pixels = 1})},
                                        .weights = {0, 1},
                                        .samples = 200});
  std::map<Pixels, int> counts;
  for (const Batch& batch : loader.epoch(0))
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      EXPECT_EQ(batch.targets[i].item<int>(), 1);
      ++counts[batch.inputs[i].to_vector<float>()];
    }
  EXPECT_EQ(counts.size(), 9U);
}

TEST(Transform, LeavesTheDatasetAndTheTargetsAlone) {
  const data::TensorDataset dataset = equal_images(3);
  const Pixels before = dataset.inputs().to_vector<float>();
  for (const Batch& batch :
       Loader(dataset, {.batch_size = 3, .transforms = {data::PadTo({6, 5}), data::RandomFlip()}})
           .epoch(0)) {
    EXPECT_EQ(batch.targets.to_vector<int>(), (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(batch.inputs.dtype(), Dtype::f32);
    EXPECT_FALSE(batch.inputs.requires_grad());
  }
  EXPECT_EQ(dataset.inputs().to_vector<float>(), before);
}

TEST(Transform, AppliesThemInTheirOrder) {
  const Tensor x = Tensor::from({1.0f, 2.0f}, {1, 1, 1, 2});
  const auto result = [&](const std::vector<Transform>& transforms) {
    return Loader(data::TensorDataset(x), {.transforms = transforms})
        .epoch(0)
        .begin()
        ->inputs.to_vector<float>();
  };
  const data::Normalize minus_one({.mean = {1}, .stddev = {1}});
  const Transform doubled = [](const Tensor& image, Rng&) { return image * 2; };
  const data::PadTo pad({1, 3});
  EXPECT_EQ(result({}), (Pixels{1, 2}));
  EXPECT_EQ(result({doubled}), (Pixels{2, 4}));
  EXPECT_EQ(result({minus_one, doubled}), (Pixels{0, 2}));
  EXPECT_EQ(result({doubled, minus_one}), (Pixels{1, 3}));
  EXPECT_EQ(result({doubled, minus_one, pad}), (Pixels{1, 3, 0}));
  EXPECT_EQ(result({pad, doubled, minus_one, doubled}), (Pixels{2, 6, -2}));
}

/// Each row of the result is the sum of the image's rows.
class SumOfRows : public data::TransformSource {
 public:
  explicit SumOfRows(std::int64_t* living) : living_(living) { ++*living_; }
  ~SumOfRows() override { --*living_; }
  Shape output_shape(const Shape& image, Where) const override { return {image[0], 1, image[2]}; }
  void apply(data::ImagePixels<const float> image, data::ImagePixels<float> result,
             Rng&) const override {
    for (std::int64_t c = 0; c < image.channels; ++c)
      for (std::int64_t x = 0; x < image.width; ++x) {
        result.at(c, 0, x) = 0;
        for (std::int64_t y = 0; y < image.height; ++y) result.at(c, 0, x) += image.at(c, y, x);
      }
  }

 private:
  std::int64_t* living_;
};

TEST(Transform, CanBeTheUsers) {
  std::int64_t living = 0;
  {
    const Transform sum = Transform::make<SumOfRows>(&living);
    Transform copy = data::RandomFlip();
    copy = sum;
    const Tensor x = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f}, {1, 2, 2});
    Rng rng(1);
    EXPECT_TRUE(close(copy(x, rng), Tensor::from({4.0f, 6.0f}, {1, 1, 2})));
    // A view in other strides.
    EXPECT_TRUE(close(copy(transpose(x, 1, 2), rng), Tensor::from({3.0f, 7.0f}, {1, 1, 2})));
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
  EXPECT_THAT(
      message_of<DataError>([] { Transform(static_cast<data::TransformSource*>(nullptr)); }),
      AllOf(HasSubstr("the source is null"), HasSubstr("transform_test.cpp")));
}

TEST(Transform, AFunctionIsNotRecorded) {
  Tensor weight = Tensor::from(2.0).to(Dtype::f32).set_requires_grad();
  const Transform scaled = [weight](const Tensor& image, Rng&) { return image * weight; };
  const std::int64_t nodes = memory_stats().graph_nodes_made;
  Rng rng(1);
  EXPECT_TRUE(close(scaled(Tensor::ones({1, 1, 1}), rng), Tensor::full({1, 1, 1}, 2)));
  for (const Batch& batch :
       Loader(equal_images(40), {.batch_size = 40, .transforms = {scaled}}).epoch(0))
    EXPECT_FALSE(batch.inputs.requires_grad());
  EXPECT_EQ(memory_stats().graph_nodes_made, nodes);
}

TEST(Transform, AFunctionKeepsShapeAndDtype) {
  const Tensor x = Tensor::ones({1, 2, 2});
  Rng rng(1);
  const Transform flat = [](const Tensor& image, Rng&) { return flatten(image); };
  EXPECT_THAT(
      message_of<ShapeError>([&] { flat(x, rng); }),
      AllOf(HasSubstr("the function returned an image [4] for one of [1, 2, 2]"),
            HasSubstr("derive from data::TransformSource"), HasSubstr("transform_test.cpp")));
  const Transform wide = [](const Tensor& image, Rng&) { return image.to(Dtype::f64); };
  EXPECT_THAT(
      message_of<DtypeError>([&] { wide(x, rng); }),
      AllOf(HasSubstr("must return f32 but returned f64"), HasSubstr("transform_test.cpp")));
  const Transform nothing = [](const Tensor&, Rng&) { return Tensor(); };
  EXPECT_THAT(message_of<ShapeError>([&] { nothing(x, rng); }), HasSubstr("the function's result"));
}

TEST(Transform, TheLoaderChecksTheInputs) {
  const auto read = [](const Tensor& inputs) {
    Loader(data::TensorDataset(inputs), {.transforms = {data::RandomFlip()}}).epoch(0).begin();
  };
  EXPECT_THAT(message_of<ShapeError>([&] {
                read(Tensor::zeros({3, 4}));
              }),
              AllOf(HasSubstr("transforms need inputs of 4 axes but they have 2"),
                    HasSubstr("inputs [1, 4]"), HasSubstr("transform_test.cpp")));
  EXPECT_THAT(message_of<DtypeError>([&] {
                read(Tensor::zeros({3, 1, 2, 2}, {.dtype = Dtype::u8}));
              }),
              AllOf(HasSubstr("transforms need f32 inputs but they are u8"),
                    HasSubstr("inputs.to(Dtype::f32)"), HasSubstr("transform_test.cpp")));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        Loader(equal_images(2), {.transforms = {data::PadTo({2, 2})}}).epoch(0).begin();
      }),
      AllOf(HasSubstr("PadTo: an image of 6 x 5 is greater"), HasSubstr("transform_test.cpp")));
  class Flat : public data::TransformSource {
   public:
    explicit Flat(Shape shape) : shape_(shape) {}
    Shape output_shape(const Shape&, Where) const override { return shape_; }
    void apply(data::ImagePixels<const float>, data::ImagePixels<float>, Rng&) const override {}

   private:
    Shape shape_;
  };
  Rng rng(1);
  EXPECT_THAT(message_of<ShapeError>([&] {
                Transform::make<Flat>(Shape{4})(Tensor::ones({1, 2, 2}), rng);
              }),
              HasSubstr("output_shape must be [C, H, W] but is [4] for an image [1, 2, 2]"));
  EXPECT_THROW(Transform::make<Flat>(Shape{1, -1, 2})(Tensor::ones({1, 2, 2}), rng), ShapeError);
  // Images without pixels are images.
  EXPECT_EQ(Loader(data::TensorDataset(Tensor::zeros({3, 1, 0, 2})),
                   {.batch_size = 3, .transforms = several()})
                .epoch(0)
                .begin()
                ->inputs.shape(),
            (Shape{3, 1, 7, 7}));
}

}  // namespace
}  // namespace tenon
