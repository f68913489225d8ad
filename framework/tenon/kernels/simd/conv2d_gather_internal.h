#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "tenon/core/activation_kind.h"
#include "tenon/kernels/conv_geometry.h"

// What the convolutions of few and of many channels share: the three maps as loops over taps.
namespace tenon::kernels::simd::convolution {

using Index = std::ptrdiff_t;

inline constexpr Index kMaxKernel = 32;

constexpr Index ceil_divide(Index a, Index b) { return (a + b - 1) / b; }
constexpr Index round_up(Index a, Index unit) { return ceil_divide(a, unit) * unit; }

/// One image axis of a convolution that gathers: output o and tap t read input o * stride +
/// taps[t].distance, where the image has it, and output o is element first + o * step of the image
/// that is written. Taps ascend in distance.
struct GatherAxis {
  struct Tap {
    Index distance;
    Index kernel;  ///< the tap's place in the weights
  };
  Index input = 0;
  Index output = 0;
  Index stride = 1;
  Index image = 0;
  Index first = 0;
  Index step = 1;
  Index tap_count = 0;
  std::array<Tap, kMaxKernel> taps = {};

  Index lowest() const { return tap_count > 0 ? taps[0].distance : 0; }
  Index highest() const {
    return tap_count > 0 ? taps[static_cast<std::size_t>(tap_count - 1)].distance : 0;
  }
  /// How many inputs the taps of one output span.
  Index extent() const { return highest() - lowest() + 1; }
  Index distance(Index tap) const { return taps[static_cast<std::size_t>(tap)].distance; }
  /// The taps that read the image for some output of [begin, end).
  IndexRange taps_inside(Index begin, Index end) const;
  /// The outputs whose tap reads the image.
  IndexRange outputs_inside(Index tap) const;
};

GatherAxis forward_axis(const WindowAxis& axis);
/// dx[phase + o * axis.stride] for all o: with a stride, each phase has taps of its own.
GatherAxis input_gradient_axis(const WindowAxis& axis, Index phase);

/// `total` channels in blocks of at most `limit`, whose sizes differ by at most 1.
struct ChannelBlocks {
  Index total;
  Index count;
  ChannelBlocks(Index channels, Index limit)
      : total(channels), count(ceil_divide(channels, limit)) {}
  Index begin(Index i) const {
    return i * (total / count) + (i < total % count ? i : total % count);
  }
  Index size(Index i) const { return begin(i + 1) - begin(i); }
};

/// y[o][i][j] = activation(b[o] + sum over c and taps of w[o][c][tap] x[c][i + tap][j + tap]), in
/// each group: the forward pass, or one phase of the input gradient.
struct Gather {
  GatherAxis rows;
  GatherAxis columns;
  Index batch;
  Index groups;
  Index in_channels;  ///< of one group
  Index out_channels;
  const float* x;
  const float* w;
  const float* b;
  float* y;
  Activation activation;
  Index kernel_height;
  Index kernel_width;
  Index w_out_stride;  ///< from the weights of one output channel to the next
  Index w_in_stride;

  Index tap_count() const { return rows.tap_count * columns.tap_count; }
  /// How many weights a group has.
  Index group_weights() const { return in_channels * out_channels * kernel_height * kernel_width; }
};
Gather forward_gather(const ConvGeometry& g, const float* x, const float* w, const float* b,
                      Activation activation, float* y);
/// dx as gathers from dy, one a phase of the strides.
std::vector<Gather> input_gradient_gathers(const ConvGeometry& g, const float* dy, const float* w,
                                           float* dx);

/// dw[o][c][tap] = sum over rows and positions of dy[o][row][position] x[c][row + tap][position +
/// tap], in each group.
struct WeightGradient {
  GatherAxis rows;
  GatherAxis columns;
  Index batch;
  Index groups;
  Index in_channels;  ///< of one group
  Index out_channels;
  const float* x;
  const float* dy;

  Index tap_count() const { return rows.tap_count * columns.tap_count; }
  /// What one output channel is multiplied with.
  Index products() const { return in_channels * tap_count(); }
  Index row_length() const { return columns.output * batch; }
};
WeightGradient weight_gradient_of(const ConvGeometry& g, const float* x, const float* dy);

}  // namespace tenon::kernels::simd::convolution
