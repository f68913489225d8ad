#pragma once

#include <algorithm>
#include <cstdint>

#include "tenon/core/shape.h"

namespace tenon {

/// A range of indices, [begin, end).
struct IndexRange {
  std::int64_t begin;
  std::int64_t end;
};

/// One image axis of a convolution or pooling: output o and kernel tap k read input o * stride + k
/// * dilation - before, where the image has it. Sizes and strides are at least 1 (an input may be
/// 0), all below 2^31.
struct WindowAxis {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t before = 0;  ///< padding
  std::int64_t after = 0;

  std::int64_t position(std::int64_t o, std::int64_t k) const {
    return o * stride + k * dilation - before;
  }
  /// What the kernel covers: its size with the gaps of dilation.
  std::int64_t extent() const { return (kernel - 1) * dilation + 1; }

  /// The taps of output o that lie in the image.
  IndexRange taps(std::int64_t o) const {
    const std::int64_t start = o * stride - before;
    return clip((-start + dilation - 1) / dilation, (input - start + dilation - 1) / dilation,
                kernel, -start, input - start);
  }
  /// The outputs whose tap k lies in the image.
  IndexRange outputs(std::int64_t k) const {
    const std::int64_t start = k * dilation - before;
    return clip((-start + stride - 1) / stride, (input - start + stride - 1) / stride, output,
                -start, input - start);
  }
  /// The outputs whose windows hold input i, for dilation 1.
  IndexRange windows(std::int64_t i) const {
    const std::int64_t last = i + before;
    const std::int64_t first = last - kernel + 1;
    return {first <= 0 ? 0 : (first + stride - 1) / stride, std::min(last / stride + 1, output)};
  }

 private:
  /// Divisions truncate towards 0, so that bounds below 0 are taken from their sign.
  static IndexRange clip(std::int64_t begin, std::int64_t end, std::int64_t size,
                         std::int64_t raw_begin, std::int64_t raw_end) {
    begin = raw_begin <= 0 ? 0 : std::min(begin, size);
    end = raw_end <= 0 ? 0 : std::min(end, size);
    return {begin, std::max(begin, end)};
  }
};

/// A checked convolution: x [batch, in_channels, height.input, width.input], w [out_channels,
/// in_channels / groups, height.kernel, width.kernel], y [batch, out_channels, height.output,
/// width.output].
struct ConvGeometry {
  std::int64_t batch = 0;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t groups = 1;
  WindowAxis height;
  WindowAxis width;

  Shape x_shape() const { return {batch, in_channels, height.input, width.input}; }
  Shape w_shape() const {
    return {out_channels, in_channels / groups, height.kernel, width.kernel};
  }
  Shape y_shape() const { return {batch, out_channels, height.output, width.output}; }
  double multiply_adds() const {
    const std::int64_t each = in_channels / groups * height.kernel * width.kernel;
    return static_cast<double>(y_shape().numel()) * static_cast<double>(each);
  }
};

/// A checked pooling: x [batch, channels, height.input, width.input] -> y [batch, channels,
/// height.output, width.output]. `before` and `after` are the padding that was asked for; with
/// ceil_mode the last window may reach over it.
struct PoolGeometry {
  std::int64_t batch = 0;
  std::int64_t channels = 0;
  WindowAxis height;
  WindowAxis width;
  bool count_include_pad = true;

  Shape x_shape() const { return {batch, channels, height.input, width.input}; }
  Shape y_shape() const { return {batch, channels, height.output, width.output}; }
};

}  // namespace tenon
