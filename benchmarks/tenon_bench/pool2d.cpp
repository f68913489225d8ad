#include "benchmarks/tenon_bench/commands.h"

namespace tenon::benchmarks {
namespace {

Measurement measure_direction(const std::string& direction, const Tensor& image,
                              const Pool2dCommand& command, double seconds) {
  Tensor x = image.detach();
  const auto forward = [&] {
    const Pool2dOptions options{.stride = command.stride, .padding = command.padding};
    return command.maximum ? max_pool2d(x, command.kernel, options)
                           : avg_pool2d(x, command.kernel, options);
  };
  if (direction == "forward") {
    const NoGradGuard no_grad;
    return measure([&] { forward(); }, seconds);
  }
  x.set_requires_grad();
  const Tensor y = forward();
  const GradientOptions options{.retain_graph = true, .output_gradients = {y.detach().clone()}};
  return measure([&] { gradients(y, {x}, options); }, seconds);
}

}  // namespace

Report bench_pool2d(const Pool2dCommand& command, const Common& common) {
  const Shape x_shape{command.batch, command.channels, command.size.height, command.size.width};
  const double pixels = static_cast<double>(command.batch * command.channels) *
                        static_cast<double>(command.size.height * command.size.width);
  check_memory(4 * 6 * pixels);
  const Tensor x = noise(x_shape);
  const Size2 stride{command.stride.height == 0 ? command.kernel.height : command.stride.height,
                     command.stride.width == 0 ? command.kernel.width : command.stride.width};

  Report report{.operation = command.maximum ? "max_pool2d" : "avg_pool2d",
                .shapes = {},
                .rate = "GB/s",
                .measurements = {}};
  const auto pair = [](Size2 size) { return std::vector{size.height, size.width}; };
  report.shapes["x"] = std::vector(x_shape.begin(), x_shape.end());
  report.shapes["kernel"] = pair(command.kernel);
  report.shapes["stride"] = pair(stride);
  report.shapes["padding"] = pair(command.padding);

  double bytes = 0;  // the input read and the output written once; backward: the other way round
  {
    const NoGradGuard no_grad;
    const Tensor one = slice(x, 0, {.stop = 1});
    const Pool2dOptions options{.stride = command.stride, .padding = command.padding};
    const Tensor y = command.maximum ? max_pool2d(one, command.kernel, options)
                                     : avg_pool2d(one, command.kernel, options);
    bytes = 4 * (pixels + static_cast<double>(y.numel() * command.batch));
  }
  for (const Layout layout : common.layouts) {
    const Tensor image = in_layout(x, layout);
    for (const std::string& direction : command.directions) {
      Measurement m = measure_direction(direction, image, command, common.seconds);
      m.layout = to_text(layout);
      m.direction = direction;
      m.amount = bytes;
      report.measurements.push_back(m);
    }
  }
  return report;
}

}  // namespace tenon::benchmarks
