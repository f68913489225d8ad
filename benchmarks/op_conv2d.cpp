// Convolutions from LeNet-5's to those of larger nets, by the layout of the images.
#include <string>

#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

struct Shape2d {
  std::int64_t batch, in_channels, size, out_channels, kernel;
  std::int64_t stride = 1, padding = 0, groups = 1;
};

void add_conv2d(const Shape2d& s) {
  const std::int64_t out_size = (s.size + 2 * s.padding - s.kernel) / s.stride + 1;
  const std::int64_t outputs = s.batch * s.out_channels * out_size * out_size;
  const std::int64_t taps = s.in_channels / s.groups * s.kernel * s.kernel;
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  add(Operation{.name = "conv2d/" + text(s.batch) + "x" + text(s.in_channels) + "x" + text(s.size) +
                        "_" + text(s.out_channels) + "_k" + text(s.kernel) + "_s" + text(s.stride) +
                        "_p" + text(s.padding) + "_g" + text(s.groups),
                .inputs = [s](Layout layout) -> std::vector<Tensor> {
                  return {in_layout(noise({s.batch, s.in_channels, s.size, s.size}), layout),
                          noise({s.out_channels, s.in_channels / s.groups, s.kernel, s.kernel}),
                          noise({s.out_channels})};
                },
                .run =
                    [s](const std::vector<Tensor>& in) {
                      return conv2d(in[0], in[1], in[2],
                                    {.stride = s.stride, .padding = s.padding, .groups = s.groups});
                    },
                .layouts = kAllLayouts,
                .flop = 2.0 * static_cast<double>(outputs) * static_cast<double>(taps)});
}

void add_all() {
  add_conv2d({128, 1, 28, 6, 5});
  add_conv2d({128, 6, 12, 16, 5});
  add_conv2d(
      {.batch = 128, .in_channels = 3, .size = 32, .out_channels = 16, .kernel = 3, .padding = 1});
  add_conv2d(
      {.batch = 128, .in_channels = 16, .size = 32, .out_channels = 16, .kernel = 3, .padding = 1});
  add_conv2d(
      {.batch = 128, .in_channels = 32, .size = 16, .out_channels = 32, .kernel = 3, .padding = 1});
  add_conv2d(
      {.batch = 64, .in_channels = 64, .size = 32, .out_channels = 64, .kernel = 3, .padding = 1});
  add_conv2d({.batch = 64,
              .in_channels = 64,
              .size = 32,
              .out_channels = 128,
              .kernel = 3,
              .stride = 2,
              .padding = 1});
  add_conv2d({.batch = 64,
              .in_channels = 128,
              .size = 16,
              .out_channels = 128,
              .kernel = 3,
              .padding = 1});
  add_conv2d({64, 128, 16, 256, 1});
  add_conv2d({.batch = 64,
              .in_channels = 64,
              .size = 32,
              .out_channels = 64,
              .kernel = 3,
              .padding = 1,
              .groups = 64});
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
