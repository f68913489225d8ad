#include "tenon/data/image_folder.h"

#include <fmt/format.h>

#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/image_file_internal.h"
#include "tenon/data/image_folder_internal.h"
#include "tenon/data/image_resize.h"
#include "tenon/kernels/simd/layout.h"

namespace tenon::data {
namespace {

constexpr const char* kName = "ImageFolder";

class ImageFolderSource final : public DatasetSource {
 public:
  ImageFolderSource(ImageFolderFiles files_in, ImageFolderOptions options_in, Where where_in)
      : files(std::move(files_in)), options(options_in), where(where_in) {
    first_shape = read_image_file(kName, files.paths[0], options.channels, where).shape();
    image_shape = first_shape;
    if (is_resized()) {
      image_shape[1] = options.size.height;
      image_shape[2] = options.size.width;
    }
    check_sizes(kName, image_shape, Dtype::f32, where);
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(files.paths.size()); }

  Batch read(const std::vector<std::int64_t>& indices) const override {
    const auto count = static_cast<std::int64_t>(indices.size());
    Shape shape = image_shape;
    shape.insert(0, count);
    check_sizes(kName, shape, Dtype::f32, where);
    Batch batch{make_tensor(shape, Dtype::f32), make_tensor({count}, Dtype::i64)};

    auto* to = fresh_elements<float>(batch.inputs);
    const std::int64_t pixels = image_shape.numel();
    parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        read_one(files.paths[static_cast<std::size_t>(indices[static_cast<std::size_t>(i)])],
                 to + i * pixels);
    });

    auto* target = fresh_elements<std::int64_t>(batch.targets);
    for (const std::int64_t index : indices)
      *target++ = files.targets[static_cast<std::size_t>(index)];
    return batch;
  }

  const ImageFolderFiles files;
  const ImageFolderOptions options;
  const Where where;
  Shape first_shape;  // of the first file
  Shape image_shape;  // of an image in a batch

 private:
  bool is_resized() const { return options.size.height != 0; }

  void read_one(const std::string& path, float* to) const {
    const Tensor image = read_image_file(kName, path, options.channels, where);
    if (image.shape()[0] != first_shape[0])
      fail(path, image, "Give .channels = 3 for RGB or 1 for grey, so that all have as many.");
    if (!is_resized() && image.shape() != first_shape)
      fail(path, image, "Give a .size, so that all are resized.");

    if (image.shape() == image_shape) {
      kernels::simd::scale_pixels(elements<std::uint8_t>(image), to, image.numel());
    } else {
      const Tensor resized = resize_image(image, options.size, where);
      const auto* from = elements<float>(resized);
      for (std::int64_t i = 0; i < resized.numel(); ++i) to[i] = from[i] / 255.0f;
    }
  }

  [[noreturn]] void fail(const std::string& path, const Tensor& image, const char* fix) const {
    Fault(kName, where)
        .fix(fix)
        .raise<DataError>(fmt::format("{} is {} (C, H, W) but {} is {}", path,
                                      to_string(image.shape()), files.paths[0],
                                      to_string(first_shape)));
  }
};

const ImageFolderSource& folder_source(const Dataset& dataset) {
  const auto* source = dynamic_cast<const ImageFolderSource*>(&dataset.source());
  if (source == nullptr)
    Fault(kName, Where::current())
        .raise<DataError>("this dataset was assigned one of another kind");
  return *source;
}

const DatasetSource* make_source(const std::string& folder, ImageFolderOptions options,
                                 Where where) {
  check_channels(kName, options.channels, where);
  const auto [height, width] = options.size;
  if ((height != 0 || width != 0) && (height < 1 || width < 1))
    Fault(kName, where)
        .raise<ShapeError>(fmt::format(
            "size is {} x {}, expected at least 1 x 1, or 0 for that of the files", height, width));
  return new ImageFolderSource(list_image_folder(folder, where), options, where);
}

}  // namespace

ImageFolder::ImageFolder(const std::string& folder, ImageFolderOptions options, Where where)
    : Dataset(make_source(folder, options, where), where) {}

const std::vector<std::string>& ImageFolder::classes() const {
  return folder_source(*this).files.classes;
}
const std::vector<std::string>& ImageFolder::paths() const {
  return folder_source(*this).files.paths;
}
Shape ImageFolder::image_shape() const { return folder_source(*this).image_shape; }

}  // namespace tenon::data
