#pragma once

#include <cstdint>
#include <vector>

#include "tenon/data/transform.h"

namespace tenon::data {

/// A map of the plane: first scaled about the centre, then turned about it counter-clockwise, then
/// shifted.
struct AffineMap {
  double degrees = 0;
  double scale = 1;
  double down = 0;   ///< pixels
  double right = 0;  ///< pixels
};
/// The image under the map, bilinear, of the same shape. Pixels beyond the border count as `fill`.
void warp_affine(ImagePixels<const float> image, const AffineMap& map, float fill,
                 ImagePixels<float> result);

/// result(y, x) = image(y + down(y, x), x + right(y, x)), bilinear, for all channels. Row y of the
/// field begins at `y * stride` and holds `width` numbers `down`, then `width` numbers `right`.
void warp_displaced(ImagePixels<const float> image, const float* field, std::int64_t stride,
                    float fill, ImagePixels<float> result);

/// The weights of a Gaussian at distances 0, 1, ... to 4 sigma (rounded, as in scipy.ndimage); with
/// both sides their sum is 1.
std::vector<float> gaussian_weights(double sigma);

}  // namespace tenon::data
