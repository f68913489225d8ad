#pragma once

#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/ops/size2.h"

namespace tenon {

struct Pool2dOptions {
  Size2 stride = {0, 0};  ///< 0: the kernel's
  Size2 padding = 0;      ///< at most half of the kernel
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< for averages
};
/// The mean of each window.   x [N, C, H, W], floating -> [N, C, H_out, W_out]
///   H_out = (H + 2 padding - kernel) / stride + 1, rounded down, or up with ceil_mode as long as
///   the last window begins in the image or the padding above it; W_out likewise. The mean is over
///   the kernel's pixels in image and padding, without count_include_pad over those in the image.
///   dx: dy / (pixels counted), added over the windows of a pixel.
/// The order of the axes in memory stays. Throws ShapeError when the kernel does not fit or the
/// padding is too wide.
Tensor avg_pool2d(const Tensor& x, Size2 kernel, const Pool2dOptions& options = {},
                  Where where = Where::current());
/// The maximum of each window, with the same sizes; NaN if there is one. Padding never wins.
/// dx: dy at the first maximum of each window, in rows from the top left.
Tensor max_pool2d(const Tensor& x, Size2 kernel, const Pool2dOptions& options = {},
                  Where where = Where::current());

}  // namespace tenon
