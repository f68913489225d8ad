#pragma once

#include <cstdint>

namespace tenon {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wshadow"  // g++ 12 takes the enumerator for a shadow of tenon::none
/// An activation that convolution and linear apply to their result. leaky_relu has slope 0.01, elu
/// alpha 1.
enum class Activation : std::uint8_t { none, tanh, sigmoid, relu, leaky_relu, elu, gelu, silu };
#pragma GCC diagnostic pop

}  // namespace tenon
