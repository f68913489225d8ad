#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/data/transform.h"

namespace tenon::data {

template <class T>
ImagePixels<T> pixels_of(T* pixels, const Shape& shape) {
  return {pixels, shape[0], shape[1], shape[2]};
}

/// The transform's output_shape, checked.
Shape transformed_shape(const Transform& transform, const Shape& image, Where where);

/// A sample of an epoch: its index in the dataset, and how often it came before in the epoch.
struct SampleKey {
  std::int64_t index = 0;
  std::int64_t repeat = 0;
};

/// The images, f32 [B, C, H, W], after all transforms, one after the other: rows. Image i draws
/// from streams keyed by `epoch_stream`, samples[i] and the transform's place alone.
Tensor transform_batch(const std::vector<Transform>& transforms, const Tensor& images,
                       const std::vector<SampleKey>& samples, const Rng& epoch_stream, Where where);

}  // namespace tenon::data
