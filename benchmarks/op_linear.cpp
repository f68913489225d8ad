// Fully connected layers.
#include <string>

#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

void add_linear(std::int64_t batch, std::int64_t in, std::int64_t out) {
  add(Operation{.name = "linear/" + std::to_string(batch) + "x" + std::to_string(in) + "_" +
                        std::to_string(out),
                .inputs = [=](Layout layout) -> std::vector<Tensor> {
                  const Tensor x =
                      layout == Layout::batch_inner
                          ? transpose(noise({in, batch}), 0, 1)  // as after a flattened image
                          : noise({batch, in});
                  return {x, noise({out, in}), noise({out})};
                },
                .run = [](const std::vector<Tensor>& x) { return linear(x[0], x[1], x[2]); },
                .layouts = {Layout::rows, Layout::batch_inner},
                .flop = 2.0 * static_cast<double>(batch * in * out)});
}

void add_all() {
  add_linear(128, 256, 120);
  add_linear(128, 784, 512);
  add_linear(128, 1024, 1024);
  add_linear(512, 4096, 1024);
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
