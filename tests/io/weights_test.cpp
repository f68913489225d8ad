#include "tenon/io/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "io/io_support.h"
#include "support/close.h"
#include "support/layouts.h"
#include "tenon/core/error.h"
#include "tenon/io/checkpoint.h"
#include "tenon/nn/nn.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Weights, RoundTripIsBitExact) {
  const TemporaryFolder folder;
  const Zoo zoo(1);
  Zoo other(2);
  ASSERT_NE(bits_of(zoo), bits_of(other));
  save_weights(zoo, folder / "zoo.h5");
  load_weights(other, folder / "zoo.h5");
  EXPECT_EQ(bits_of(zoo), bits_of(other));
  EXPECT_EQ(files_in(folder.path()), std::vector<std::string>{"zoo.h5"});
}

TEST(Weights, LoadingWritesIntoTheTensorsThatThereAre) {
  const TemporaryFolder folder;
  save_weights(Zoo(1), folder / "zoo.h5");
  Zoo other(2);
  const Tensor weight = other.parameters().at("inner.weight");
  const std::uint32_t version = weight.version();
  load_weights(other, folder / "zoo.h5");
  EXPECT_EQ(bits_of(weight), bits_of(Zoo(1).parameters().at("inner.weight")));
  EXPECT_GT(weight.version(), version);
  EXPECT_TRUE(weight.requires_grad());
  EXPECT_TRUE(weight.is_leaf());
}

TEST(Weights, SameModelGivesTheSameBytes) {
  const TemporaryFolder folder;
  save_weights(Zoo(3), folder / "a.h5");
  std::this_thread::sleep_for(
      std::chrono::milliseconds(1100));  // HDF5's time stamps are in seconds
  save_weights(Zoo(3), folder / "b.h5");
  save_weights(Zoo(4), folder / "c.h5");
  EXPECT_EQ(read_bytes(folder / "a.h5"), read_bytes(folder / "b.h5"));
  EXPECT_NE(read_bytes(folder / "a.h5"), read_bytes(folder / "c.h5"));
}

class OneParameter : public nn::Module {
 public:
  explicit OneParameter(const Tensor& x) { register_parameter("x", x); }
};

TEST(Weights, AreWrittenInRowsWhateverTheLayout) {
  const TemporaryFolder folder;
  Rng rng(5);
  const Tensor x = Tensor::normal({3, 4, 5, 2}, rng);
  save_weights(OneParameter(x.clone()), folder / "rows.h5");
  for (const auto& [layout, y] : layouts(x)) {
    SCOPED_TRACE(layout);
    save_weights(OneParameter(y), folder / "other.h5");
    EXPECT_EQ(read_bytes(folder / "other.h5"), read_bytes(folder / "rows.h5"));
    // And into such a layout.
    OneParameter target(in_order(Tensor::zeros(x.shape()), Order::channels_last));
    load_weights(target, folder / "other.h5");
    EXPECT_TRUE(close(target.parameters().at("x").detach(), x, {0, 0}));
    EXPECT_EQ(target.parameters().at("x").strides(),
              strides_in_order(x.shape(), Order::channels_last));
  }
}

TEST(Weights, TakesAModelWithoutTensorsAndManyTensors) {
  const TemporaryFolder folder;
  nn::Sequential nothing;
  save_weights(nothing, folder / "nothing.h5");
  EXPECT_NO_THROW(load_weights(nothing, folder / "nothing.h5"));

  Rng rng(1);
  nn::Sequential many, more;
  for (int i = 0; i < 300; ++i) {
    many.add<nn::Linear>("layer_with_a_rather_long_name_" + std::to_string(i), 2, 3, rng);
    more.add<nn::Linear>("layer_with_a_rather_long_name_" + std::to_string(i), 2, 3, rng);
  }
  save_weights(many, folder / "many.h5");
  load_weights(more, folder / "many.h5");
  EXPECT_EQ(bits_of(many), bits_of(more));
}

TEST(Weights, NamesMayHaveAnyOtherCharacters) {
  class Strange : public nn::Module {
   public:
    explicit Strange(float x) {
      for (const char* name : {"a b", "größe", "x:y", "[0]", "-", " ", "%", "..."})
        if (std::string(name) != "...") register_parameter(name, Tensor::from(x));
    }
  };
  const TemporaryFolder folder;
  const Strange one(1);
  Strange two(2);
  save_weights(one, folder / "strange.h5");
  load_weights(two, folder / "strange.h5");
  EXPECT_EQ(bits_of(one), bits_of(two));
}

TEST(Weights, AllDifferencesAreToldAtOnceAndNothingChanges) {
  class Other : public nn::Module {
   public:
    Other() {
      register_parameter("weight", Tensor::zeros({4, 3, 3}));              // another shape
      register_parameter("double", Tensor::zeros({5}));                    // another dtype
      register_parameter("scalar", Tensor::zeros({1}));                    // another rank
      register_parameter("empty", Tensor::zeros({2, 0, 3}));               // fits
      register_parameter("extra", Tensor::zeros({2}));                     // missing in the file
      register_buffer("count", Tensor::zeros({}, {.dtype = Dtype::f64}));  // another dtype
    }
  };
  const TemporaryFolder folder;
  save_weights(Zoo(1), folder / "zoo.h5");
  Other other;
  const auto before = bits_of(other);
  const std::string message =
      message_of<CheckpointError>([&] { load_weights(other, folder / "zoo.h5"); });
  EXPECT_THAT(
      message,
      AllOf(HasSubstr("load_weights: " + (folder / "zoo.h5") +
                      " does not fit: 1 missing, 5 unexpected, 4 of another shape or dtype."),
            HasSubstr("missing: extra [2] f32"), HasSubstr("unexpected: inner.weight [3, 2] f32"),
            HasSubstr("unexpected: mask [3, 3] boolean"),
            HasSubstr("different: weight is [4, 3, 2] f32, expected [4, 3, 3] f32"),
            HasSubstr("different: double is [5] f64, expected [5] f32"),
            HasSubstr("weights_test.cpp")));
  EXPECT_THAT(message, AllOf(HasSubstr("different: scalar is [] f32, expected [1] f32"),
                             HasSubstr("different: count is [] i64, expected [] f64"),
                             Not(HasSubstr("empty"))));
  EXPECT_EQ(bits_of(other), before);
}

TEST(Weights, CanBeReadFromACheckpoint) {
  const TemporaryFolder folder;
  const Zoo zoo(1);
  Zoo other(2);
  save_checkpoint(folder / "run.h5", {.model = &zoo, .epoch = 3});
  load_weights(other, folder / "run.h5");
  EXPECT_EQ(bits_of(zoo), bits_of(other));

  save_checkpoint(folder / "nothing.h5", {.epoch = 3});
  EXPECT_THAT(message_of<CheckpointError>([&] { load_weights(other, folder / "nothing.h5"); }),
              HasSubstr("nothing.h5 is a checkpoint without a model"));
}

TEST(Weights, MayBeSavedAndLoadedByManyThreadsAtOnce) {
  const TemporaryFolder folder;
  const Zoo one(1), two(2);
  save_weights(one, folder / "zoo.h5");
  const auto bits1 = bits_of(one), bits2 = bits_of(two);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        if (t < 2) {
          save_weights(t == 0 ? one : two, folder / "zoo.h5");
        } else {
          Zoo target(3);
          load_weights(target, folder / "zoo.h5");
          const auto bits = bits_of(target);
          EXPECT_TRUE(bits == bits1 || bits == bits2);
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(files_in(folder.path()), std::vector<std::string>{"zoo.h5"});
}

TEST(Weights, FilesNameTheVersionOfTheLibrary) {
  const TemporaryFolder folder;
  save_checkpoint(folder / "run.h5", {});
  const std::string cmake = read_bytes(std::string(TENON_SOURCE_DIR) + "/CMakeLists.txt");
  const std::string before = "project(tenon VERSION ";
  ASSERT_NE(cmake.find(before), std::string::npos);
  const std::string rest = cmake.substr(cmake.find(before) + before.size());
  EXPECT_EQ(load_checkpoint(folder / "run.h5").library_version, rest.substr(0, rest.find(' ')));
}

}  // namespace
}  // namespace tenon
