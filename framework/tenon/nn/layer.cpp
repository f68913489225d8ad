#include <fmt/format.h>

#include "tenon/nn/layer_internal.h"

namespace tenon::nn {

void check_at_least(std::string_view layer, std::string_view name, std::int64_t value,
                    std::int64_t least, Where where) {
  if (value < least)
    Fault(layer, where)
        .raise<ShapeError>(fmt::format("{} must be at least {} but is {}", name, least, value));
}

void check_at_least(std::string_view layer, std::string_view name, Size2 value, std::int64_t least,
                    Where where) {
  if (value.height < least || value.width < least)
    Fault(layer, where)
        .raise<ShapeError>(fmt::format("{} must be at least {} but is {} x {} (height x width)",
                                       name, least, value.height, value.width));
}

void check_groups(std::string_view layer, std::int64_t in_channels, std::int64_t out_channels,
                  std::int64_t groups, Where where) {
  check_at_least(layer, "groups", groups, 1, where);
  if (in_channels % groups != 0 || out_channels % groups != 0)
    Fault(layer, where)
        .raise<ShapeError>(
            fmt::format("in_channels {} and out_channels {} must both be divisible by groups {}",
                        in_channels, out_channels, groups));
}

std::string to_string(Size2 size) { return fmt::format("{} x {}", size.height, size.width); }

std::string_view to_string(Activation activation) {
  switch (activation) {
    case Activation::none: return "none";
    case Activation::tanh: return "tanh";
    case Activation::sigmoid: return "sigmoid";
    case Activation::relu: return "relu";
    case Activation::leaky_relu: return "leaky_relu";
    case Activation::elu: return "elu";
    case Activation::gelu: return "gelu";
    case Activation::silu: break;
  }
  return "silu";
}

}  // namespace tenon::nn
