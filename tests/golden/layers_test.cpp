#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "../support/golden.h"
#include "tenon/ops/conv2d.h"
#include "tenon/ops/linear.h"
#include "tenon/ops/matmul.h"
#include "tenon/ops/norm.h"
#include "tenon/ops/pool2d.h"

namespace tenon {
namespace {

using Inputs = Golden::Inputs;

TEST(GoldenLayers, MatmulAndLinear) {
  Golden golden("linear");
  for (const char* shapes :
       {"vector_vector", "matrix_vector", "vector_matrix", "matrix_matrix", "batch_batch",
        "broadcast", "matrix_batch", "vector_batch", "batch_vector"})
    golden.check(std::string("matmul_") + shapes, {"a", "b"},
                 [](const Inputs& in) { return matmul(in[0], in[1]); });
  for (const char* name : {"linear", "linear_no_bias", "linear_3d", "linear_vector"})
    golden.check(name, {"x", "w", "b"},
                 [](const Inputs& in) { return linear(in[0], in[1], in[2]); });
  const std::vector<std::pair<std::string, Activation>> activations = {
      {"tanh", Activation::tanh},
      {"relu", Activation::relu},
      {"sigmoid", Activation::sigmoid},
      {"gelu", Activation::gelu},
      {"silu", Activation::silu},
      {"elu", Activation::elu},
      {"leaky_relu", Activation::leaky_relu}};
  for (const auto& [name, activation] : activations)
    golden.check("linear_" + name, {"x", "w", "b"}, [&](const Inputs& in) {
      return linear(in[0], in[1], in[2], {.activation = activation});
    });
}

TEST(GoldenLayers, Convolution) {
  Golden golden("convolution");
  const std::vector<std::pair<std::string, Conv2dOptions>> cases = {
      {"plain", {}},
      {"no_bias", {}},
      {"one_by_one", {}},
      {"stride", {.stride = {2, 3}}},
      {"padding", {.padding = {1, 2}}},
      {"dilation", {.dilation = {2, 3}}},
      {"groups", {.groups = 2}},
      {"depthwise", {.padding = 1, .groups = 3}},
      {"all", {.stride = {2, 1}, .padding = {2, 1}, .dilation = {2, 2}, .groups = 2}},
      {"same_odd", {.padding = Padding::same}},
      {"same_even", {.padding = Padding::same}},
      {"same_dilation", {.padding = Padding::same, .dilation = 2}},
      {"batch_16", {}},
      {"tanh", {.activation = Activation::tanh}},
      {"gelu", {.activation = Activation::gelu}}};
  for (const auto& [name, options] : cases)
    golden.check("conv2d_" + name, {"x", "w", "b"},
                 [&](const Inputs& in) { return conv2d(in[0], in[1], in[2], options); });
  const std::vector<std::pair<std::string, ConvTranspose2dOptions>> transposed = {
      {"plain", {}},
      {"stride", {.stride = {2, 3}, .padding = {1, 0}}},
      {"output_padding", {.stride = {2, 3}, .padding = 1, .output_padding = {1, 2}}},
      {"groups", {.stride = 2, .groups = 2}},
      {"dilation", {.padding = {1, 0}, .dilation = {2, 3}}}};
  for (const auto& [name, options] : transposed)
    golden.check("conv_transpose2d_" + name, {"x", "w", "b"},
                 [&](const Inputs& in) { return conv_transpose2d(in[0], in[1], in[2], options); });
}

TEST(GoldenLayers, Pooling) {
  Golden golden("pooling");
  struct Case {
    const char* name;
    Size2 kernel;
    Pool2dOptions options;
  };
  const std::vector<Case> cases = {
      {"two", 2, {}},
      {"odd", 2, {}},
      {"overlapping", {3, 2}, {.stride = {2, 1}}},
      {"padding", {3, 2}, {.stride = 2, .padding = 1}},
      {"ceil", 3, {.stride = 2, .ceil_mode = true}},
      {"ceil_padding", {3, 4}, {.stride = {2, 3}, .padding = {1, 2}, .ceil_mode = true}}};
  for (const Case& c : cases) {
    const std::string name = c.name;
    golden.check("max_pool2d_" + name, {"x"},
                 [&](const Inputs& in) { return max_pool2d(in[0], c.kernel, c.options); });
    golden.check("avg_pool2d_" + name, {"x"},
                 [&](const Inputs& in) { return avg_pool2d(in[0], c.kernel, c.options); });
    Pool2dOptions inside = c.options;
    inside.count_include_pad = false;
    golden.check("avg_pool2d_no_pad_" + name, {"x"},
                 [&](const Inputs& in) { return avg_pool2d(in[0], c.kernel, inside); });
  }
  golden.check("max_pool2d_ties", {"x"},
               [](const Inputs& in) { return max_pool2d(in[0], 2, {.stride = 1}); });
}

TEST(GoldenLayers, Normalisation) {
  Golden golden("norm");
  for (const std::string shape : {"2d", "3d", "4d"}) {
    golden.check("batch_norm_" + shape, {"x", "w", "b"}, [](const Inputs& in) {
      return batch_norm(in[0], in[1], in[2], {.epsilon = 1e-3}).y;
    });
    golden.check("batch_norm_plain_" + shape, {"x"},
                 [](const Inputs& in) { return batch_norm(in[0]).y; });
    golden.check("batch_norm_inference_" + shape, {"x", "m", "v", "w", "b"}, [](const Inputs& in) {
      return batch_norm_inference(in[0], in[1], in[2], in[3], in[4], {.epsilon = 1e-3});
    });
  }
  golden.check("layer_norm_one", {"x", "w", "b"},
               [](const Inputs& in) { return layer_norm(in[0], {5}, in[1], in[2]); });
  golden.check("layer_norm_two", {"x", "w", "b"}, [](const Inputs& in) {
    return layer_norm(in[0], {2, 5}, in[1], in[2], {.epsilon = 1e-2});
  });
  golden.check("layer_norm_plain", {"x"}, [](const Inputs& in) { return layer_norm(in[0], {4}); });
}

}  // namespace
}  // namespace tenon
