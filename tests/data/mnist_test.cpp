#include "tenon/data/mnist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "data/idx_support.h"
#include "support/close.h"
#include "support/temporary_folder.h"
#include "tenon/core/error.h"
#include "tenon/data/idx.h"
#include "tenon/data/loader.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kMnist = TENON_MNIST;

std::string sha256(const std::string& bytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "bytes", bytes);
  std::FILE* const pipe = ::popen(("sha256sum " + (folder / "bytes")).c_str(), "r");
  char sum[65] = {};
  EXPECT_EQ(std::fread(sum, 1, 64, pipe), 64U);
  ::pclose(pipe);
  return sum;
}

TEST(LoadMnist, IsThePublishedData) {
  // Of the unpacked files, as in examples/data/mnist/README.md: read, written again, and summed.
  const std::array<std::pair<const char*, const char*>, 4> files = {{
      {"train-images-idx3-ubyte",
       "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
      {"train-labels-idx1-ubyte",
       "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
      {"t10k-images-idx3-ubyte",
       "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
      {"t10k-labels-idx1-ubyte",
       "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
  }};
  for (const auto& [name, sum] : files) {
    const Tensor x = data::read_idx(kMnist + "/" + name + ".gz");
    std::vector<std::uint32_t> sizes;
    for (const std::int64_t size : x.shape()) sizes.push_back(static_cast<std::uint32_t>(size));
    const std::vector<std::uint8_t> values = x.to_vector<std::uint8_t>();
    EXPECT_EQ(sha256(idx_header(0x08, sizes) + std::string(values.begin(), values.end())), sum)
        << name;
  }
}

TEST(LoadMnist, HasTheKnownShapesAndCounts) {
  const data::ImageDataset train = data::load_mnist(kMnist, data::Split::train);
  const data::ImageDataset test = data::load_mnist(kMnist, data::Split::test);
  EXPECT_EQ(train.images().shape(), (Shape{60000, 1, 28, 28}));
  EXPECT_EQ(test.images().shape(), (Shape{10000, 1, 28, 28}));
  EXPECT_EQ(train.images().dtype(), Dtype::u8);
  EXPECT_EQ(train.labels().dtype(), Dtype::i64);
  EXPECT_EQ(train.num_classes(), 10);
  EXPECT_EQ(train.size(), 60000);

  const auto counts = [](const data::ImageDataset& dataset) {
    std::vector<int> count(10);
    for (const std::int64_t label : dataset.labels().to_vector<std::int64_t>())
      ++count[static_cast<std::size_t>(label)];
    return count;
  };
  EXPECT_EQ(counts(train),
            (std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(counts(test),
            (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
}

TEST(LoadMnist, HasTheKnownMeanAndDeviation) {
  const data::ImageDataset train = data::load_mnist(kMnist, data::Split::train);
  double sum = 0, squares = 0, count = 0;
  for (const data::Batch& batch : data::Loader(train, {.batch_size = 1000}).epoch(0)) {
    for (const float x : batch.inputs.to_vector<float>()) {
      sum += x;
      squares += static_cast<double>(x) * x;
      ++count;
    }
  }
  EXPECT_NEAR(sum / count, 0.1307, 5e-5);  // the numbers that everybody normalises MNIST by
  EXPECT_NEAR(std::sqrt(squares / count - sum / count * sum / count), 0.3081, 5e-5);
}

TEST(LoadMnist, ReadsFashionMnistAsDebianInstallsIt) {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  const data::ImageDataset train = data::load_mnist(folder, data::Split::train);
  EXPECT_EQ(train.images().shape(), (Shape{60000, 1, 28, 28}));
  std::vector<int> count(10);
  for (const std::int64_t label : train.labels().to_vector<std::int64_t>())
    ++count[static_cast<std::size_t>(label)];
  EXPECT_EQ(count, std::vector<int>(10, 6000));
  EXPECT_EQ(data::load_mnist(folder, data::Split::test).size(), 10000);
}

class SmallMnist : public testing::Test {
 protected:
  const std::string images_ = idx_header(0x08, {3, 2, 2}) +
                              std::string("\x00\x33\x66\x99\xcc\xff\x01\x02\x03\x04\x05\x06", 12);
  const std::string labels_ = idx_header(0x08, {3}) + std::string("\x09\x00\x04", 3);
  TemporaryFolder folder_;
};

TEST_F(SmallMnist, FindsPlainAndPackedFiles) {
  write_bytes(folder_ / "train-images-idx3-ubyte", images_);
  write_bytes(folder_ / "train-labels-idx1-ubyte.gz", gzip(labels_));
  const data::ImageDataset train = data::load_mnist(folder_.path(), data::Split::train);
  EXPECT_EQ(train.images().shape(), (Shape{3, 1, 2, 2}));
  EXPECT_EQ(train.labels().to_vector<std::int64_t>(), (std::vector<std::int64_t>{9, 0, 4}));
  EXPECT_EQ(train.num_classes(), 10);
  const data::Batch batch = train.read({1, 0});
  EXPECT_EQ(batch.inputs.to_vector<float>(),
            (std::vector<float>{204 / 255.0f, 1, 1 / 255.0f, 2 / 255.0f, 0, 0.2f, 0.4f, 0.6f}));
  EXPECT_EQ(batch.targets.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 9}));
}

TEST_F(SmallMnist, NamesWhatIsMissing) {
  EXPECT_THAT(
      message_of<DataError>([&] { data::load_mnist(folder_ / "nothing", data::Split::test); }),
      AllOf(HasSubstr(folder_ / "nothing"), HasSubstr("is not a folder"),
            HasSubstr("t10k-images-idx3-ubyte.gz"), HasSubstr("mnist_test.cpp")));
  EXPECT_THAT(message_of<DataError>([&] { data::load_mnist(folder_.path(), data::Split::train); }),
              AllOf(HasSubstr(folder_.path()),
                    HasSubstr("neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz")));
  write_bytes(folder_ / "t10k-images-idx3-ubyte", images_);
  EXPECT_THAT(message_of<DataError>([&] { data::load_mnist(folder_.path(), data::Split::test); }),
              HasSubstr("neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz"));
}

TEST_F(SmallMnist, RefusesFilesThatDoNotFit) {
  const auto message = [&](const std::string& images, const std::string& labels) {
    write_bytes(folder_ / "train-images-idx3-ubyte", images);
    write_bytes(folder_ / "train-labels-idx1-ubyte", labels);
    return message_of<DataError>([&] { data::load_mnist(folder_.path(), data::Split::train); });
  };
  EXPECT_THAT(message(images_, idx_header(0x08, {2}) + "\x01\x02"),
              AllOf(HasSubstr("train-images-idx3-ubyte has 3 images"), HasSubstr("has 2 labels")));
  EXPECT_THAT(message(images_, idx_header(0x08, {3}) + "\x01\x0a\x02"),
              AllOf(HasSubstr("train-labels-idx1-ubyte has label 10 at index 1"),
                    HasSubstr("expected 0 to 9")));
  EXPECT_THAT(message(labels_, labels_),
              AllOf(HasSubstr("holds u8 [3]"), HasSubstr("expected u8 [N, H, W]")));
  EXPECT_THAT(message(images_, images_),
              AllOf(HasSubstr("holds u8 [3, 2, 2]"), HasSubstr("expected u8 [N]")));
  EXPECT_THAT(message(idx_header(0x09, {1, 1, 1}) + "a", labels_),
              HasSubstr("holds i32 [1, 1, 1]"));
  EXPECT_THAT(message(images_.substr(0, 20), labels_), HasSubstr("has 20 bytes, expected 28"));
}

}  // namespace
}  // namespace tenon
