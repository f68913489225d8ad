#include <fmt/format.h>

#include <algorithm>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/transform_batch_internal.h"

namespace tenon::data {
namespace {

// Some 20 us of the cheap transforms; of an elastic one some 100 us.
constexpr std::int64_t kPixelsPerBlock = 1 << 13;

void check_images(const Tensor& images, Where where) {
  check_defined("Loader", "inputs", images, where);
  const auto fault = [&] { return Fault("Loader", where).operand("inputs", images, "N, C, H, W"); };
  if (images.rank() != 4)
    fault().raise<ShapeError>(
        fmt::format("transforms need inputs of 4 axes but they have {}", images.rank()));
  if (images.dtype() != Dtype::f32)
    fault()
        .fix("Give the dataset f32 inputs: inputs.to(Dtype::f32).")
        .raise<DtypeError>(
            fmt::format("transforms need f32 inputs but they are {}", to_string(images.dtype())));
}

/// What one image passes through: shapes[0] is that of the image, the last that of the result.
struct Chain {
  Chain(const std::vector<Transform>& transforms, const Shape& image, Where where) {
    shapes.push_back(image);
    for (const Transform& transform : transforms) {
      shapes.push_back(transformed_shape(transform, shapes.back(), where));
      most_pixels = std::max(most_pixels, shapes.back().numel());
    }
  }
  std::vector<Shape> shapes;
  std::int64_t most_pixels = 1;
};

}  // namespace

Shape transformed_shape(const Transform& transform, const Shape& image, Where where) {
  const Shape shape = transform.source().output_shape(image, where);
  if (shape.rank() != 3)
    Fault("Transform", where)
        .raise<ShapeError>(fmt::format("output_shape must be [C, H, W] but is {} for an image {}",
                                       to_string(shape), to_string(image)));
  check_sizes("Transform", shape, Dtype::f32, where);
  return shape;
}

Tensor transform_batch(const std::vector<Transform>& transforms, const Tensor& images,
                       const std::vector<SampleKey>& samples, const Rng& epoch_stream,
                       Where where) {
  check_images(images, where);
  const NoGradGuard no_grad;
  const Tensor rows = images.detach().contiguous(where);
  const std::int64_t count = rows.shape()[0];
  const Chain chain(transforms, {rows.shape()[1], rows.shape()[2], rows.shape()[3]}, where);
  const Shape &first = chain.shapes.front(), &last = chain.shapes.back();
  const Shape shape{count, last[0], last[1], last[2]};
  check_sizes("Loader", shape, Dtype::f32, where);
  Tensor y = make_tensor(shape, Dtype::f32);

  const float* from = elements<float>(rows);
  float* to = fresh_elements<float>(y);
  const std::int64_t pixels = std::max(first.numel(), chain.most_pixels);
  const std::int64_t grain = std::max<std::int64_t>(
      1, kPixelsPerBlock /
             (std::max<std::int64_t>(pixels, 1) * static_cast<std::int64_t>(transforms.size())));
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> between[2];
    if (transforms.size() > 1) between[0].resize(static_cast<std::size_t>(chain.most_pixels));
    if (transforms.size() > 2) between[1].resize(static_cast<std::size_t>(chain.most_pixels));
    for (std::int64_t i = begin; i < end; ++i) {
      const SampleKey sample = samples[static_cast<std::size_t>(i)];
      const Rng stream = epoch_stream.fork(static_cast<std::uint64_t>(sample.index))
                             .fork(static_cast<std::uint64_t>(sample.repeat));
      const float* image = from + i * first.numel();
      for (std::size_t t = 0; t < transforms.size(); ++t) {
        float* result = t + 1 == transforms.size() ? to + i * last.numel() : between[t % 2].data();
        Rng rng = stream.fork(t);
        transforms[t].source().apply(pixels_of(image, chain.shapes[t]),
                                     pixels_of(result, chain.shapes[t + 1]), rng);
        image = result;
      }
    }
  });
  return y;
}

}  // namespace tenon::data
