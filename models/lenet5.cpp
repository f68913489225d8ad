#include "models/lenet5.h"

#include <tenon/ops/shape.h>

namespace tenon::models {
namespace {
constexpr nn::Conv2dOptions kTanhConv = {.activation = Activation::tanh};
constexpr nn::LinearOptions kTanh = {.activation = Activation::tanh};
}  // namespace

LeNet5::LeNet5(Rng& rng)                                             // [N, 1, 28, 28]
    : conv1_(child<nn::Conv2d>("conv1", 1, 6, 5, rng, kTanhConv)),   // [N, 6, 24, 24]
      pool1_(child<nn::AvgPool2d>("pool1", 2)),                      // [N, 6, 12, 12]
      conv2_(child<nn::Conv2d>("conv2", 6, 16, 5, rng, kTanhConv)),  // [N, 16, 8, 8]
      pool2_(child<nn::AvgPool2d>("pool2", 2)),                      // [N, 16, 4, 4]
      fc1_(child<nn::Linear>("fc1", 16 * 4 * 4, 120, rng, kTanh)),   // [N, 120]
      fc2_(child<nn::Linear>("fc2", 120, 84, rng, kTanh)),           // [N, 84]
      fc3_(child<nn::Linear>("fc3", 84, 10, rng)) {}                 // [N, 10]

Tensor LeNet5::forward(const Tensor& x) {
  const Tensor maps = pool2_(conv2_(pool1_(conv1_(x))));
  return fc3_(fc2_(fc1_(flatten(maps, 1))));
}

}  // namespace tenon::models
