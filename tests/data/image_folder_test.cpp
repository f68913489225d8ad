#include "tenon/data/image_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "data/image_support.h"
#include "support/close.h"
#include "support/temporary_folder.h"
#include "tenon/core/error.h"
#include "tenon/data/image_file.h"
#include "tenon/data/image_resize.h"
#include "tenon/data/loader.h"
#include "tenon/data/tensor_dataset.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;
using data::Batch;
using data::ImageFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Copies a fixture to folder/name, whose folders it makes.
void put(const TemporaryFolder& folder, const std::string& fixture_name, const std::string& name) {
  const fs::path to = folder / name;
  fs::create_directories(to.parent_path());
  fs::copy_file(fixture(fixture_name), to);
}

/// Pixels of a fixture as the batch should have them, from expected.txt.
std::vector<float> scaled(const std::string& fixture_name, const std::string& what) {
  std::vector<float> values;
  for (const double value : expected_images().at(fixture_name).at(what).to_vector<double>())
    values.push_back(static_cast<float>(value / 255));
  return values;
}

std::vector<std::string> names_of(const ImageFolder& dataset, const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const std::string& path : dataset.paths())
    names.push_back(fs::path(path).lexically_relative(folder.path()).string());
  return names;
}

TEST(ImageFolder, ReadsClassesAndPixels) {
  const TemporaryFolder folder;
  put(folder, "rgb8.png", "dog/1.png");
  put(folder, "rgb_alpha8.png", "cat/2.PNG");
  put(folder, "grey8.png", "cat/1.png");
  const ImageFolder dataset(folder.path());
  EXPECT_THAT(dataset.classes(), ElementsAre("cat", "dog"));
  EXPECT_THAT(names_of(dataset, folder), ElementsAre("cat/1.png", "cat/2.PNG", "dog/1.png"));
  EXPECT_EQ(dataset.image_shape(), (Shape{3, 7, 5}));
  ASSERT_EQ(dataset.size(), 3);

  const Batch batch = dataset.read({2, 0, 1, 0});
  EXPECT_EQ(batch.targets.dtype(), Dtype::i64);
  EXPECT_EQ(batch.targets.to_vector<int>(), (std::vector<int>{1, 0, 0, 0}));
  ASSERT_EQ(batch.inputs.shape(), (Shape{4, 3, 7, 5}));
  EXPECT_EQ(batch.inputs[0].to_vector<float>(), scaled("rgb8.png", "rgb"));
  EXPECT_EQ(batch.inputs[1].to_vector<float>(), scaled("grey8.png", "rgb"));
  EXPECT_EQ(batch.inputs[2].to_vector<float>(), scaled("rgb_alpha8.png", "rgb"));
  EXPECT_EQ(batch.inputs[3].to_vector<float>(), scaled("grey8.png", "rgb"));
  EXPECT_EQ(dataset.read({}).inputs.shape(), (Shape{0, 3, 7, 5}));

  const ImageFolder grey(folder.path(), {.channels = 1});
  EXPECT_EQ(grey.read({2}).inputs.to_vector<float>(), scaled("rgb8.png", "grey"));
  EXPECT_EQ(grey.image_shape(), (Shape{1, 7, 5}));
}

TEST(ImageFolder, SortsByFolderThenNameAndLeavesOutTheRest) {
  const TemporaryFolder folder;
  for (const char* name : {"b/10.png", "b/9.png", "b/B.png", "b/a/z.png", "b/a.jpeg", "B/x.png",
                           "b/a-b/1.png", "a.b/x.jpg", ".hidden/x.png", "b/.x.png", "b/.c/x.png"})
    put(folder, "grey8.png", name);
  write_bytes(folder / "b/readme.txt", "text");
  write_bytes(folder / "b/png", "text");
  write_bytes(folder / "loose.png", "text");
  const ImageFolder dataset(folder.path());
  EXPECT_THAT(dataset.classes(), ElementsAre("B", "a.b", "b"));
  EXPECT_THAT(names_of(dataset, folder),
              ElementsAre("B/x.png", "a.b/x.jpg", "b/10.png", "b/9.png", "b/B.png", "b/a.jpeg",
                          "b/a/z.png", "b/a-b/1.png"));
}

TEST(ImageFolder, FollowsLinksToFilesAndClasses) {
  const TemporaryFolder folder, elsewhere;
  put(elsewhere, "grey8.png", "x.png");
  fs::create_directories(folder / "a");
  fs::create_symlink(elsewhere / "x.png", folder / "a/1.png");
  fs::create_directory_symlink(elsewhere.path(), folder / "b");
  fs::create_directory_symlink(folder.path(), folder / "a/round");
  const ImageFolder dataset(folder.path());
  EXPECT_THAT(names_of(dataset, folder), ElementsAre("a/1.png", "b/x.png"));
  EXPECT_EQ(dataset.read({0, 1}).size(), 2);
}

TEST(ImageFolder, ResizesWhatHasAnotherSize) {
  const TemporaryFolder folder;
  put(folder, "rgb8.png", "a/1.png");
  put(folder, "interlaced_rgb8.png", "a/2.png");
  const ImageFolder dataset(folder.path(), {.size = {7, 5}});
  EXPECT_EQ(dataset.image_shape(), (Shape{3, 7, 5}));
  const Batch batch = dataset.read({0, 1});
  EXPECT_EQ(batch.inputs[0].to_vector<float>(), scaled("rgb8.png", "rgb"));
  // resize_image is checked against Pillow and PyTorch.
  std::vector<double> want =
      data::resize_image(data::read_image(fixture("interlaced_rgb8.png")), {7, 5})
          .to_vector<double>();
  for (double& value : want) value /= 255;
  EXPECT_TRUE(close(batch.inputs[1], want));
  EXPECT_EQ(ImageFolder(folder.path(), {.size = 4}).read({0, 1}).inputs.shape(),
            (Shape{2, 3, 4, 4}));
}

TEST(ImageFolder, FilesOfAnotherSizeAreAnErrorThatNamesBoth) {
  const TemporaryFolder folder;
  put(folder, "rgb8.png", "a/1.png");
  put(folder, "interlaced_rgb8.png", "b/2.png");
  const ImageFolder dataset(folder.path());
  EXPECT_THAT(
      message_of<DataError>([&] {
        dataset.read({0, 1});
      }),
      AllOf(HasSubstr("ImageFolder: " + folder / "b/2.png" + " is [3, 6, 9] (C, H, W) but " +
                      folder / "a/1.png" + " is [3, 7, 5]"),
            HasSubstr("Give a .size"), HasSubstr("image_folder_test.cpp")));
}

TEST(ImageFolder, FilesOfOtherChannelsAreAnErrorWhereTheFirstDecides) {
  const TemporaryFolder folder;
  put(folder, "grey8.png", "a/1.png");
  put(folder, "rgb8.png", "b/2.png");
  for (const Size2 size : {Size2(0), Size2(3)}) {
    const ImageFolder dataset(folder.path(), {.size = size, .channels = 0});
    EXPECT_EQ(dataset.image_shape()[0], 1);
    EXPECT_EQ(dataset.read({0}).size(), 1);
    EXPECT_THAT(message_of<DataError>([&] { dataset.read({1}); }),
                AllOf(HasSubstr("[3, 7, 5]"), HasSubstr("[1, 7, 5]"), HasSubstr(".channels = 3")));
  }
}

TEST(ImageFolder, DamagedFilesAreErrorsWhenTheyAreRead) {
  const TemporaryFolder folder;
  put(folder, "rgb8.png", "a/1.png");
  put(folder, "rgb8.png", "a/3.png");
  write_bytes(folder / "a/2.png", read_bytes(fixture("rgb8.png")).substr(0, 90));
  fs::create_symlink(folder / "nothing", folder / "a/4.png");
  const ImageFolder dataset(folder.path());
  EXPECT_EQ(dataset.size(), 4);
  EXPECT_EQ(dataset.read({0, 2}).size(), 2);
  EXPECT_THAT(message_of<DataError>([&] {
                dataset.read({0, 1, 2});
              }),
              AllOf(HasSubstr("ImageFolder: " + folder / "a/2.png"), HasSubstr("damaged PNG"),
                    HasSubstr("image_folder_test.cpp")));
  EXPECT_THAT(message_of<DataError>([&] { dataset.read({3}); }),
              HasSubstr("a/4.png cannot be opened"));
}

TEST(ImageFolder, FoldersWithoutImagesAreErrors) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& path) {
    return message_of<DataError>([&] { ImageFolder dataset(path); });
  };
  EXPECT_THAT(error(folder / "nothing"),
              AllOf(HasSubstr("there is no folder \"" + folder / "nothing"), HasSubstr("data/cat"),
                    HasSubstr("image_folder_test.cpp")));
  EXPECT_THAT(error(""), HasSubstr("there is no folder \"\""));
  EXPECT_THAT(error(fixture("rgb8.png")), HasSubstr("rgb8.png is not a folder"));
  EXPECT_THAT(error(folder.path()), HasSubstr(folder.path() + " has no folders, expected one a"));
  put(folder, "rgb8.png", "a/1.png");
  fs::create_directories(folder / "b/c.png");
  write_bytes(folder / "b/readme.txt", "text");
  EXPECT_THAT(error(folder.path()),
              HasSubstr("the class folder " + folder / "b" + " has no files"));
}

TEST(ImageFolder, ChecksOptions) {
  const TemporaryFolder folder;
  put(folder, "rgb8.png", "a/1.png");
  for (const Size2 size : {Size2(0, 3), Size2(3, 0), Size2(-1)})
    EXPECT_THAT(message_of<ShapeError>([&] { ImageFolder dataset(folder.path(), {.size = size}); }),
                HasSubstr("expected at least 1 x 1"));
  EXPECT_THAT(message_of<ShapeError>([&] { ImageFolder dataset(folder.path(), {.channels = 2}); }),
              HasSubstr("ImageFolder: channels is 2"));
  ImageFolder dataset(folder.path());
  static_cast<data::Dataset&>(dataset) = data::TensorDataset(Tensor::ones({2}));
  EXPECT_THAT(message_of<DataError>([&] { dataset.classes(); }), HasSubstr("another kind"));
}

TEST(ImageFolder, SeveralThreadsReadAtOnce) {
  const TemporaryFolder folder;
  put(folder, "rgb8.png", "a/1.png");
  put(folder, "full.jpg", "b/1.jpg");
  put(folder, "interlaced_rgb8.png", "b/2.png");
  const ImageFolder dataset(folder.path(), {.size = 6});
  const std::vector<float> want = dataset.read({0, 1, 2, 1, 0}).inputs.to_vector<float>();
  std::vector<std::vector<float>> got(4);
  std::vector<std::thread> threads;
  for (std::vector<float>& values : got)
    threads.emplace_back([&values, dataset] {
      for (int i = 0; i < 5; ++i) values = dataset.read({0, 1, 2, 1, 0}).inputs.to_vector<float>();
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& values : got) EXPECT_EQ(values, want);
}

TEST(ImageFolder, GoesThroughALoader) {
  const TemporaryFolder folder;
  put(folder, "rgb8.png", "a/1.png");
  put(folder, "rgb16.png", "b/1.png");
  put(folder, "palette8.png", "b/2.png");
  const data::Loader loader(ImageFolder(folder.path()), {.batch_size = 2});
  std::vector<int> targets;
  for (const Batch& batch : loader.epoch(0))
    for (const int target : batch.targets.to_vector<int>()) targets.push_back(target);
  EXPECT_EQ(targets, (std::vector<int>{0, 1, 1}));
}

}  // namespace
}  // namespace tenon
