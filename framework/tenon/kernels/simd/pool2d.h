#pragma once

#include <cstdint>

#include "tenon/kernels/conv_geometry.h"

namespace tenon::kernels::simd {

// Poolings of f32 images that lie as [planes][height][width][lanes]: batch-inner with the batch as
// lanes and a plane a channel, channels-last the other way round. All results have the bits of the
// plain loops in reference/.

/// The images of one pooling, and what of them a call computes.
struct PoolPlanes {
  PoolGeometry geometry;
  std::int64_t lanes = 0;

  /// Whether no two windows share a pixel.
  bool is_disjoint() const {
    return geometry.height.stride >= geometry.height.kernel &&
           geometry.width.stride >= geometry.width.kernel;
  }
};

// The forward kernels compute rows [begin, end) of y, counted over all planes, and the gradients
// everything that the windows of such rows alone reach (disjoint windows), or else rows of dx.

void avg_pool2d(const PoolPlanes& planes, const float* x, float* y, std::int64_t begin,
                std::int64_t end);
void avg_pool2d_gradient(const PoolPlanes& planes, const float* dy, float* dx, std::int64_t begin,
                         std::int64_t end);
/// `places` may be null.
void max_pool2d(const PoolPlanes& planes, const float* x, float* y, std::int32_t* places,
                std::int64_t begin, std::int64_t end);
void max_pool2d_scatter(const PoolPlanes& planes, const float* dy, const std::int32_t* places,
                        float* dx, std::int64_t begin, std::int64_t end);

}  // namespace tenon::kernels::simd
