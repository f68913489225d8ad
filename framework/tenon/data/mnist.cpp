#include "tenon/data/mnist.h"

#include <fmt/format.h>

#include <filesystem>

#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/idx.h"

namespace tenon::data {
namespace {

constexpr const char* kName = "load_mnist";
constexpr std::int64_t kClasses = 10;

std::string find(const std::string& folder, const std::string& file, Where where) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    Fault(kName, where)
        .fix("Give the folder that holds " + file + " or " + file +
             ".gz, such as examples/data/mnist.")
        .raise<DataError>(fmt::format("{} is not a folder", folder));
  const fs::path plain = fs::path(folder) / file;
  if (fs::exists(plain, ignored)) return plain.string();
  const fs::path gzip = fs::path(folder) / (file + ".gz");
  if (fs::exists(gzip, ignored)) return gzip.string();
  Fault(kName, where)
      .raise<DataError>(fmt::format("the folder {} has neither {} nor {}.gz", folder, file, file));
}

}  // namespace

ImageDataset load_mnist(const std::string& folder, Split split, Where where) {
  const std::string stem = split == Split::train ? "train" : "t10k";
  const std::string images_path = find(folder, stem + "-images-idx3-ubyte", where);
  const std::string labels_path = find(folder, stem + "-labels-idx1-ubyte", where);
  const Tensor images = read_idx(images_path, where), bytes = read_idx(labels_path, where);

  const auto expect = [&](const std::string& path, const Tensor& x, std::int64_t rank,
                          const char* axes) {
    if (x.dtype() == Dtype::u8 && x.rank() == rank) return;
    Fault(kName, where)
        .raise<DataError>(fmt::format("{} holds {} {}, expected u8 {}", path, to_string(x.dtype()),
                                      to_string(x.shape()), axes));
  };
  expect(images_path, images, 3, "[N, H, W]");
  expect(labels_path, bytes, 1, "[N]");
  const std::int64_t count = images.shape()[0];
  if (bytes.shape()[0] != count)
    Fault(kName, where)
        .raise<DataError>(fmt::format("{} has {} images but {} has {} labels", images_path, count,
                                      labels_path, bytes.shape()[0]));

  Tensor labels = make_tensor({count}, Dtype::i64);
  const auto* from = elements<std::uint8_t>(bytes);
  auto* to = fresh_elements<std::int64_t>(labels);
  for (std::int64_t i = 0; i < count; ++i) {
    if (from[i] >= kClasses)
      Fault(kName, where)
          .raise<DataError>(fmt::format("{} has label {} at index {}, expected 0 to {}",
                                        labels_path, from[i], i, kClasses - 1));
    to[i] = from[i];
  }
  const Shape shape{count, 1, images.shape()[1], images.shape()[2]};
  return {make_view(images, shape, contiguous_strides(shape), 0),
          labels,
          {.num_classes = kClasses},
          where};
}

}  // namespace tenon::data
