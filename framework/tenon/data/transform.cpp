#include "tenon/data/transform.h"

#include <fmt/format.h>

#include <atomic>
#include <cstring>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/data/transform_batch_internal.h"

namespace tenon::data {

TransformSource::~TransformSource() = default;

Shape TransformSource::output_shape(const Shape& image, Where) const { return image; }

Transform::Transform(const TransformSource* source, Where where) : source_(source) {
  if (source_ == nullptr) Fault("Transform", where).raise<DataError>("the source is null");
  std::atomic_ref(source_->references_).fetch_add(1, std::memory_order_relaxed);
}

Transform::Transform(const Transform& other) noexcept : source_(other.source_) {
  std::atomic_ref(source_->references_).fetch_add(1, std::memory_order_relaxed);
}

Transform& Transform::operator=(const Transform& other) noexcept {
  Transform copy(other);
  std::swap(source_, copy.source_);
  return *this;
}

Transform::~Transform() {
  if (std::atomic_ref(source_->references_).fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete source_;
}

Tensor Transform::operator()(const Tensor& image, Rng& rng, Where where) const {
  check_defined("Transform", "image", image, where);
  const auto fault = [&] { return Fault("Transform", where).operand("image", image, "C, H, W"); };
  if (image.rank() != 3)
    fault().raise<ShapeError>(fmt::format("the image must have 3 axes but has {}", image.rank()));
  if (image.dtype() != Dtype::f32)
    fault().raise<DtypeError>(
        fmt::format("the image must be f32 but is {}", to_string(image.dtype())));
  const NoGradGuard no_grad;
  const Tensor rows = image.detach().contiguous(where);
  const Shape shape = transformed_shape(*this, image.shape(), where);
  Tensor y = make_tensor(shape, Dtype::f32);
  source_->apply(pixels_of(elements<float>(rows), image.shape()),
                 pixels_of(fresh_elements<float>(y), shape), rng);
  return y;
}

void FunctionTransformSource::apply(ImagePixels<const float> image, ImagePixels<float> result,
                                    Rng& rng) const {
  const NoGradGuard no_grad;
  const Shape shape{image.channels, image.height, image.width};
  const auto bytes = static_cast<std::size_t>(shape.numel()) * sizeof(float);
  Tensor x = make_tensor(shape, Dtype::f32);
  if (bytes > 0) std::memcpy(fresh_elements<float>(x), image.pixels, bytes);
  const Tensor y = call(x, rng);

  check_defined("Transform", "the function's result", y, where_);
  const auto fault = [&] {
    return Fault("Transform", where_)
        .operand("image", x, "C, H, W")
        .operand("result", y, "C, H, W");
  };
  if (y.shape() != shape)
    fault()
        .fix("To change the shape, derive from data::TransformSource.")
        .raise<ShapeError>(fmt::format("the function returned an image {} for one of {}",
                                       to_string(y.shape()), to_string(shape)));
  if (y.dtype() != Dtype::f32)
    fault().raise<DtypeError>(
        fmt::format("the function must return f32 but returned {}", to_string(y.dtype())));
  const Tensor rows = y.detach().contiguous(where_);
  if (bytes > 0) std::memcpy(result.pixels, elements<float>(rows), bytes);
}

}  // namespace tenon::data
