#include <tenon/autograd/grad_mode.h>
#include <tenon/ops/ops.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/tenon/report/sections.h"
#include "tools/tenon/report/sprite.h"

namespace tenon::cli::report {
namespace {

constexpr std::int64_t kMost = 64;  // pictures of a layer

Tensor first_ones(const Tensor& images) {
  return slice(images, 0, {.start = 0, .stop = std::min(images.size(0), kMost)});
}

/// The weights of the first layer as images [N, 1, H, W]; undefined where they are none.
Tensor weight_images(const Tensor& weight, const Shape& input_shape) {
  const Shape& shape = weight.shape();
  if (shape.rank() == 4)  // [C_out, C_in, H, W]
    return reshape(weight, {shape[0] * shape[1], 1, shape[2], shape[3]});
  if (shape.rank() == 2 && shape[1] == input_shape.numel())
    return reshape(weight, {shape[0] * input_shape[1], 1, input_shape[2], input_shape[3]});
  return {};
}

}  // namespace

Json filters_of(const nn::Module& model, const Shape& input_shape) {
  const NoGradGuard no_grad;
  for (const auto& [name, tensor] : model.parameters()) {
    const Tensor images = weight_images(tensor, input_shape);
    if (!images.defined()) return nullptr;  // the first parameter is the first layer's weight
    const auto limit = max(abs(images)).item<double>();
    return {{"name", name},
            {"shape", to_string(tensor.shape())},
            {"limit", limit},
            {"all", images.size(0)},
            {"sprite", sprite_of(diverging_colours(first_ones(images), limit))}};
  }
  return nullptr;
}

Json feature_maps_of(nn::Module& model, const Tensor& image) {
  const NoGradGuard no_grad;
  Json layers = Json::array();
  std::vector<std::pair<nn::Module*, std::int64_t>> hooks;
  for (auto& [name, module] : model.modules()) {
    if (!module.children().empty()) continue;
    const auto show = [&layers, name = name](nn::Module& layer, const Tensor&, const Tensor& y) {
      if (y.rank() != 4 || y.size(2) * y.size(3) < 2) return;
      const Tensor maps = permute(y, {1, 0, 2, 3});
      const auto low = min(maps).item<double>(), high = max(maps).item<double>();
      layers.push_back(
          {{"name", name},
           {"type", layer.type_name()},
           {"shape", to_string(y[0].shape())},
           {"range", {low, high}},
           {"all", maps.size(0)},
           {"sprite", sprite_of((first_ones(maps) - low) / (high > low ? high - low : 1.0))}});
    };
    hooks.emplace_back(&module, module.register_forward_hook(show));
  }
  model(image);
  for (const auto& [module, hook] : hooks) module->remove_hook(hook);
  return {{"input", sprite_of(image)}, {"layers", layers}};
}

}  // namespace tenon::cli::report
