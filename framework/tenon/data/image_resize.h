#pragma once

#include "tenon/core/tensor.h"
#include "tenon/core/where.h"
#include "tenon/ops/size2.h"

namespace tenon::data {

/// The image with another height and width, stretched where the proportions differ: f32 [C, h, w],
/// in the scale of the values given. image: u8 or f32 [C, H, W], any strides. Not recorded.
///
/// Bilinear with antialiasing, as Pillow's `resize(..., BILINEAR)` and PyTorch's
/// `interpolate(mode="bilinear", align_corners=False, antialias=True)`: an output pixel i lies at
/// (i + 1/2) H / h, and is the mean of the pixels around it under a triangle that reaches
/// max(1, H / h) to each side. Enlarging is plain bilinear interpolation with half-pixel centres.
/// Throws ShapeError for another rank, an empty image, or a size below 1, DtypeError.
Tensor resize_image(const Tensor& image, Size2 size, Where where = Where::current());

}  // namespace tenon::data
