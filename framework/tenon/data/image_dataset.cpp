#include "tenon/data/image_dataset.h"

#include <fmt/format.h>

#include <algorithm>

#include "tenon/core/fault_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/simd/layout.h"

namespace tenon::data {
namespace {

// About 20 us of work: below that a second thread costs more than it saves.
constexpr std::int64_t kPixelsPerBlock = 1 << 16;

// Shuffled images lie anywhere in memory: the processor cannot guess the next one.
constexpr std::int64_t kImagesAhead = 2;
void prefetch(const std::uint8_t* image, std::int64_t pixels) {
  constexpr std::int64_t kCacheLine = 64, kMostBytes = 4096;
  for (std::int64_t i = 0; i < std::min(pixels, kMostBytes); i += kCacheLine)
    __builtin_prefetch(image + i);
}

class ImageSource final : public DatasetSource {
 public:
  ImageSource(Tensor images_in, Tensor labels_in, std::int64_t num_classes_in)
      : images(std::move(images_in)), labels(std::move(labels_in)), num_classes(num_classes_in) {}

  std::int64_t size() const override { return images.shape()[0]; }

  Batch read(const std::vector<std::int64_t>& indices) const override {
    const auto count = static_cast<std::int64_t>(indices.size());
    Shape shape = images.shape();
    shape[0] = count;
    Batch batch{make_tensor(shape, Dtype::f32), make_tensor({count}, Dtype::i64)};

    const std::int64_t pixels = shape[1] * shape[2] * shape[3];
    const auto* from = elements<std::uint8_t>(images);
    auto* to = fresh_elements<float>(batch.inputs);
    const std::int64_t grain =
        std::max<std::int64_t>(1, kPixelsPerBlock / std::max<std::int64_t>(1, pixels));
    parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
      const auto image = [&](std::int64_t i) {
        return from + indices[static_cast<std::size_t>(i)] * pixels;
      };
      for (std::int64_t i = begin; i < end; ++i) {
        if (i + kImagesAhead < end) prefetch(image(i + kImagesAhead), pixels);
        kernels::simd::scale_pixels(image(i), to + i * pixels, pixels);
      }
    });

    const auto* label = elements<std::int64_t>(labels);
    auto* target = fresh_elements<std::int64_t>(batch.targets);
    for (const std::int64_t index : indices) *target++ = label[index];
    return batch;
  }

  const Tensor images;
  const Tensor labels;
  const std::int64_t num_classes;
};

const ImageSource& image_source(const Dataset& dataset) {
  // Assigning another kind through a Dataset& can put another source here.
  const auto* source = dynamic_cast<const ImageSource*>(&dataset.source());
  if (source == nullptr)
    Fault("ImageDataset", Where::current())
        .raise<DataError>("this dataset was assigned one of another kind");
  return *source;
}

const DatasetSource* make_source(const Tensor& images, const Tensor& labels,
                                 std::int64_t num_classes, Where where) {
  constexpr const char* kName = "ImageDataset";
  check_defined(kName, "images", images, where);
  check_defined(kName, "labels", labels, where);
  const auto fault = [&] {
    return Fault(kName, where)
        .operand("images", images, "N, C, H, W")
        .operand("labels", labels, "N");
  };
  if (images.dtype() != Dtype::u8)
    fault().raise<DtypeError>(
        fmt::format("images must be u8 but are {}", to_string(images.dtype())));
  if (labels.dtype() != Dtype::i64)
    fault().raise<DtypeError>(
        fmt::format("labels must be i64 but are {}", to_string(labels.dtype())));
  if (images.rank() != 4)
    fault().raise<ShapeError>(fmt::format("images must have 4 axes but have {}", images.rank()));
  if (labels.rank() != 1)
    fault().raise<ShapeError>(fmt::format("labels must have 1 axis but have {}", labels.rank()));
  if (images.shape()[0] != labels.shape()[0])
    fault().raise<ShapeError>(
        fmt::format("there are {} images but {} labels", images.shape()[0], labels.shape()[0]));
  if (num_classes < 0)
    fault().raise<ShapeError>(
        fmt::format("num_classes is {} but must not be negative", num_classes));

  const Tensor rows = labels.detach().contiguous(where);
  const auto* label = elements<std::int64_t>(rows);
  const std::int64_t count = rows.numel();
  if (num_classes == 0 && count > 0) num_classes = *std::max_element(label, label + count) + 1;
  for (std::int64_t i = 0; i < count; ++i) {
    if (label[i] < 0 || label[i] >= num_classes)
      fault().raise<DataError>(
          fmt::format("label {} of sample {} is outside of 0 to {}", label[i], i, num_classes - 1));
  }
  return new ImageSource(images.detach().contiguous(where), rows, num_classes);
}

}  // namespace

ImageDataset::ImageDataset(const Tensor& images, const Tensor& labels, ImageDatasetOptions options,
                           Where where)
    : Dataset(make_source(images, labels, options.num_classes, where), where) {}

Tensor ImageDataset::images() const { return image_source(*this).images; }
Tensor ImageDataset::labels() const { return image_source(*this).labels; }
std::int64_t ImageDataset::num_classes() const { return image_source(*this).num_classes; }

}  // namespace tenon::data
