#include "benchmarks/tenon_bench/commands.h"
#include "benchmarks/tenon_bench/peak.h"

namespace tenon::benchmarks {
namespace {

double numel(const Shape& shape) {
  double product = 1;  // no overflow, unlike Shape::numel()
  for (const std::int64_t size : shape) product *= static_cast<double>(size);
  return product;
}

/// One direction in one layout. The gradients run over a graph that is kept, so that forward is not
/// in their time.
Measurement measure_direction(const std::string& direction, const Tensor& image,
                              const Conv2dCommand& command, double seconds) {
  const std::int64_t in_group = command.in_channels / command.groups;
  Tensor x = image.detach();
  Tensor w = noise({command.out_channels, in_group, command.kernel.height, command.kernel.width});
  Tensor b = noise({command.out_channels});
  const auto forward = [&] {
    return conv2d(x, w, b,
                  {.stride = command.stride,
                   .padding = command.padding,
                   .dilation = command.dilation,
                   .groups = command.groups});
  };
  if (direction == "forward") {
    const NoGradGuard no_grad;
    return measure([&] { forward(); }, seconds);
  }
  std::vector<Tensor> inputs{x};
  if (direction == "backward-weights") inputs = {w, b};
  for (Tensor& input : inputs) input.set_requires_grad();
  const Tensor y = forward();
  const GradientOptions options{.retain_graph = true, .output_gradients = {y.detach().clone()}};
  return measure([&] { gradients(y, inputs, options); }, seconds);
}

}  // namespace

Report bench_conv2d(const Conv2dCommand& command, const Common& common) {
  const Shape x_shape{command.batch, command.in_channels, command.size.height, command.size.width};
  const auto pair = [](Size2 size) { return std::vector{size.height, size.width}; };
  const Size2 padding{command.padding.height, command.padding.width};

  // The image in two layouts, output, both gradients, and what kernels lay out anew.
  const double out_pixels = static_cast<double>(command.batch * command.out_channels) *
                            static_cast<double>(command.size.height * command.size.width);
  check_memory(4 * (4 * numel(x_shape) + 4 * out_pixels));
  const Tensor x = noise(x_shape);
  Shape y_shape;
  {
    const NoGradGuard no_grad;
    const Tensor w = Tensor::zeros({command.out_channels, command.in_channels / command.groups,
                                    command.kernel.height, command.kernel.width});
    y_shape = conv2d(slice(x, 0, {.stop = 1}), w, {},
                     {.stride = command.stride,
                      .padding = command.padding,
                      .dilation = command.dilation,
                      .groups = command.groups})
                  .shape();
    y_shape[0] = command.batch;
  }
  const std::int64_t taps =
      command.in_channels / command.groups * command.kernel.height * command.kernel.width;
  const double flop = 2 * numel(y_shape) * static_cast<double>(taps);

  Report report{.operation = "conv2d", .shapes = {}, .rate = "GFLOP/s", .measurements = {}};
  report.shapes["x"] = std::vector(x_shape.begin(), x_shape.end());
  report.shapes["y"] = std::vector(y_shape.begin(), y_shape.end());
  report.shapes["kernel"] = pair(command.kernel);
  report.shapes["stride"] = pair(command.stride);
  if (command.padding.same)
    report.shapes["padding"] = "same";
  else
    report.shapes["padding"] = pair(padding);
  report.shapes["dilation"] = pair(command.dilation);
  report.shapes["groups"] = command.groups;
  report.peak = measured_peak_gflops() * common.threads;
  for (const Layout layout : common.layouts) {
    const Tensor image = in_layout(x, layout);
    for (const std::string& direction : command.directions) {
      Measurement m = measure_direction(direction, image, command, common.seconds);
      m.layout = to_text(layout);
      m.direction = direction;
      m.amount = flop;
      report.measurements.push_back(m);
    }
  }
  return report;
}

}  // namespace tenon::benchmarks
