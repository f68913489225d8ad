#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "tenon/core/fault_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/ops/conv_geometry_internal.h"

namespace tenon {
namespace {

constexpr std::int64_t kMaxOption = std::numeric_limits<std::int32_t>::max();

std::string pair_text(Size2 size) { return fmt::format("{{{}, {}}}", size.height, size.width); }
std::string counted(std::int64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// The operands of an error, in the words of the operation.
struct ConvCall {
  const char* operation;
  const Tensor& x;
  const Tensor& w;
  const Tensor& b;
  const char* w_axes;
  std::int64_t groups;
  Where where;

  Fault fault() const {
    Fault fault(operation, where);
    fault.operand("x", x, "N, C, H, W").operand("w", w, w_axes, fmt::format("groups = {}", groups));
    return fault;
  }
};

void check_option(const char* operation, const char* name, Size2 value, std::int64_t least,
                  Where where) {
  if (value.height < least || value.width < least)
    Fault(operation, where)
        .raise<ShapeError>(
            fmt::format("{} must be at least {} but is {}", name, least, pair_text(value)));
  if (value.height > kMaxOption || value.width > kMaxOption)
    Fault(operation, where)
        .raise<ShapeError>(fmt::format("{} must be below 2^31 but is {}", name, pair_text(value)));
}

/// Ranks, dtypes, groups and the kernel's sizes: what both convolutions ask of x and w.
void check_operands(const ConvCall& call) {
  check_floating(call.operation, call.x, call.where, "x");
  check_floating(call.operation, call.w, call.where, "w");
  check_same_dtype(call.operation, "x", call.x, "w", call.w, call.where);
  if (call.x.rank() != 4) {
    Fault fault = call.fault();
    if (call.x.rank() == 3) fault.fix("Give one image as a batch of one: unsqueeze(x, 0).");
    fault.raise<ShapeError>(fmt::format("x must have 4 axes but has {}", call.x.rank()));
  }
  if (call.w.rank() != 4)
    call.fault().raise<ShapeError>(fmt::format("w must have 4 axes but has {}", call.w.rank()));
  if (call.groups < 1)
    call.fault().raise<ShapeError>(fmt::format("groups must be at least 1 but is {}", call.groups));
  if (call.w.shape()[2] < 1 || call.w.shape()[3] < 1)
    call.fault().raise<ShapeError>("the kernel is empty");
}

void check_bias(const ConvCall& call, std::int64_t out_channels) {
  if (!call.b.defined()) return;
  check_same_dtype(call.operation, "x", call.x, "b", call.b, call.where);
  if (call.b.rank() != 1 || call.b.shape()[0] != out_channels)
    call.fault()
        .operand("b", call.b, "C_out")
        .fix(fmt::format("Build b with shape [{}].", out_channels))
        .raise<ShapeError>(
            fmt::format("b must be [{}] but is {}", out_channels, to_string(call.b.shape())));
}

/// Padding for ceil(input / stride) outputs, the odd one at the end.
void pad_same(WindowAxis& axis) {
  const std::int64_t outputs = (axis.input + axis.stride - 1) / axis.stride;
  const std::int64_t total =
      std::max<std::int64_t>(0, (outputs - 1) * axis.stride + axis.extent() - axis.input);
  axis.before = total / 2;
  axis.after = total - axis.before;
}

std::string padding_text(const WindowAxis& axis) {
  return axis.before == axis.after ? fmt::format("padding {}", axis.before)
                                   : fmt::format("padding {} and {}", axis.before, axis.after);
}

void set_outputs(const ConvCall& call, WindowAxis& axis, const char* name) {
  const std::int64_t padded = axis.input + axis.before + axis.after;
  if (axis.extent() > padded)
    call.fault()
        .note(fmt::format("{}: {} with {} is {}, the kernel {} with dilation {} covers {}.", name,
                          axis.input, padding_text(axis), padded, axis.kernel, axis.dilation,
                          axis.extent()))
        .fix("Give a larger image, more padding or a smaller kernel.")
        .raise<ShapeError>(fmt::format("the kernel covers {} but the padded {} of x is {}",
                                       axis.extent(), name, padded));
  axis.output = (padded - axis.extent()) / axis.stride + 1;
}

}  // namespace

ConvGeometry conv2d_geometry(const Tensor& x, const Tensor& w, const Tensor& b,
                             const Conv2dOptions& options, Where where) {
  const ConvCall call{"conv2d", x, w, b, "C_out, C_in / groups, K_h, K_w", options.groups, where};
  check_operands(call);
  check_option("conv2d", "stride", options.stride, 1, where);
  check_option("conv2d", "dilation", options.dilation, 1, where);
  if (!options.padding.same)
    check_option("conv2d", "padding", {options.padding.height, options.padding.width}, 0, where);

  const std::int64_t groups = options.groups, channels = x.shape()[1], out_channels = w.shape()[0];
  if (channels % groups != 0 || out_channels % groups != 0)
    call.fault()
        .fix("Choose groups that divide both numbers.")
        .raise<ShapeError>(
            fmt::format("{} input and {} output channels do not divide into {} groups", channels,
                        out_channels, groups));
  if (channels / groups != w.shape()[1])
    call.fault()
        .fix(fmt::format("Give x {}, or build w with C_in / groups = {}.",
                         counted(w.shape()[1] * groups, "channel"), channels / groups))
        .raise<ShapeError>(fmt::format("x has {} but w expects {}", counted(channels, "channel"),
                                       w.shape()[1] * groups));
  check_bias(call, out_channels);

  ConvGeometry g{x.shape()[0], channels, out_channels, groups, {}, {}};
  g.height = {x.shape()[2],
              0,
              w.shape()[2],
              options.stride.height,
              options.dilation.height,
              options.padding.height,
              options.padding.height};
  g.width = {x.shape()[3],           0,
             w.shape()[3],           options.stride.width,
             options.dilation.width, options.padding.width,
             options.padding.width};
  if (options.padding.same) {
    pad_same(g.height);
    pad_same(g.width);
  }
  set_outputs(call, g.height, "height");
  set_outputs(call, g.width, "width");
  check_sizes("conv2d", g.y_shape(), x.dtype(), where);
  return g;
}

ConvGeometry conv_transpose2d_geometry(const Tensor& x, const Tensor& w, const Tensor& b,
                                       const ConvTranspose2dOptions& options, Where where) {
  const char* const operation = "conv_transpose2d";
  const ConvCall call{operation, x, w, b, "C_in, C_out / groups, K_h, K_w", options.groups, where};
  check_operands(call);
  check_option(operation, "stride", options.stride, 1, where);
  check_option(operation, "dilation", options.dilation, 1, where);
  check_option(operation, "padding", options.padding, 0, where);
  check_option(operation, "output_padding", options.output_padding, 0, where);
  const Size2 limit{std::max(options.stride.height, options.dilation.height),
                    std::max(options.stride.width, options.dilation.width)};
  if (options.output_padding.height >= limit.height || options.output_padding.width >= limit.width)
    call.fault().raise<ShapeError>(fmt::format(
        "output_padding {} must be smaller than the larger of stride {} and dilation {}",
        pair_text(options.output_padding), pair_text(options.stride), pair_text(options.dilation)));

  const std::int64_t groups = options.groups, channels = x.shape()[1];
  if (channels != w.shape()[0])
    call.fault()
        .fix(fmt::format("Give x {}, or build w with C_in = {}.", counted(w.shape()[0], "channel"),
                         channels))
        .raise<ShapeError>(
            fmt::format("x has {} but w expects {}", counted(channels, "channel"), w.shape()[0]));
  if (channels % groups != 0)
    call.fault()
        .fix("Choose groups that divide it.")
        .raise<ShapeError>(
            fmt::format("{} do not divide into {} groups", counted(channels, "channel"), groups));
  std::int64_t out_channels = 0;
  if (__builtin_mul_overflow(w.shape()[1], groups, &out_channels))
    call.fault().raise<ShapeError>(fmt::format("{} groups are too many", groups));
  check_bias(call, out_channels);

  const auto axis_of = [&](std::int64_t input, std::int64_t kernel, std::int64_t stride,
                           std::int64_t dilation, std::int64_t padding, std::int64_t more,
                           const char* name) {
    WindowAxis axis{0, input, kernel, stride, dilation, padding, padding};
    if (input < 1) call.fault().raise<ShapeError>(fmt::format("the {} of x is {}", name, input));
    const __int128 size = static_cast<__int128>(input - 1) * stride -
                          2 * static_cast<__int128>(padding) +
                          static_cast<__int128>(kernel - 1) * dilation + more + 1;
    if (size < 1 || size > kMaxOption)
      call.fault().raise<ShapeError>(
          size < 1 ? fmt::format("padding {} leaves nothing of the output's {}", padding, name)
                   : fmt::format("the output's {} is 2^31 or more", name));
    axis.input = static_cast<std::int64_t>(size);
    return axis;
  };
  ConvGeometry g{x.shape()[0], out_channels, channels, groups, {}, {}};
  g.height = axis_of(x.shape()[2], w.shape()[2], options.stride.height, options.dilation.height,
                     options.padding.height, options.output_padding.height, "height");
  g.width = axis_of(x.shape()[3], w.shape()[3], options.stride.width, options.dilation.width,
                    options.padding.width, options.output_padding.width, "width");
  check_sizes(operation, g.x_shape(), x.dtype(), where);
  return g;
}

PoolGeometry pool2d_geometry(const char* operation, const Tensor& x, Size2 kernel,
                             const Pool2dOptions& options, Where where) {
  check_floating(operation, x, where, "x");
  const auto fault = [&] {
    Fault f(operation, where);
    f.operand("x", x, "N, C, H, W", "kernel " + pair_text(kernel));
    return f;
  };
  if (x.rank() != 4) {
    Fault f = fault();
    if (x.rank() == 3) f.fix("Give one image as a batch of one: unsqueeze(x, 0).");
    f.raise<ShapeError>(fmt::format("x must have 4 axes but has {}", x.rank()));
  }
  check_option(operation, "kernel", kernel, 1, where);
  check_option(operation, "stride", options.stride, 0, where);
  check_option(operation, "padding", options.padding, 0, where);
  if (options.padding.height > kernel.height / 2 || options.padding.width > kernel.width / 2)
    fault()
        .fix(
            "A window must hold at least one pixel of the image: pad the image itself with pad(x, "
            "...).")
        .raise<ShapeError>(fmt::format("padding must be at most half of the kernel but is {}",
                                       pair_text(options.padding)));

  const auto axis_of = [&](std::int64_t input, std::int64_t size, std::int64_t stride,
                           std::int64_t padding, const char* name) {
    WindowAxis axis{input, 0, size, stride == 0 ? size : stride, 1, padding, padding};
    if (input > kMaxOption)
      fault().raise<ShapeError>(fmt::format("the {} of x is 2^31 or more", name));
    const std::int64_t room = input + 2 * padding - size;
    if (input < 1 || room < 0)
      fault()
          .fix("Give a larger image, more padding or a smaller kernel.")
          .raise<ShapeError>(fmt::format("the kernel's {} is {} but that of the padded x is {}",
                                         name, size, input + 2 * padding));
    axis.output = (room + (options.ceil_mode ? axis.stride - 1 : 0)) / axis.stride + 1;
    // The last window must begin in the image or the padding before it.
    if (options.ceil_mode && (axis.output - 1) * axis.stride >= input + padding) --axis.output;
    return axis;
  };
  PoolGeometry g{x.shape()[0], x.shape()[1], {}, {}, options.count_include_pad};
  g.height =
      axis_of(x.shape()[2], kernel.height, options.stride.height, options.padding.height, "height");
  g.width =
      axis_of(x.shape()[3], kernel.width, options.stride.width, options.padding.width, "width");
  return g;
}

}  // namespace tenon
