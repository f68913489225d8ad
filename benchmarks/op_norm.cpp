// Batch and layer normalisation with the statistics of the batch.
#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

void add_all() {
  add(Operation{.name = "batch_norm/128x64x32x32",
                .inputs = [](Layout layout) -> std::vector<Tensor> {
                  return {in_layout(noise({128, 64, 32, 32}), layout), Tensor::ones({64}),
                          Tensor::zeros({64})};
                },
                .run = [](const std::vector<Tensor>& x) { return batch_norm(x[0], x[1], x[2]).y; },
                .layouts = kAllLayouts});
  // PyTorch's gradients here are those of x alone: so are ours.
  add(Operation{.name = "layer_norm/512x1024",
                .inputs = [](Layout) -> std::vector<Tensor> {
                  return {noise({512, 1024})};
                },
                .run = [](const std::vector<Tensor>& x) { return layer_norm(x[0], {1024}); }});
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
