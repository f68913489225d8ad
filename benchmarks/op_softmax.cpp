// Softmax, and the loss that contains it.
#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

void add_all() {
  add(Operation{.name = "softmax/128x1000",
                .inputs = [](Layout) -> std::vector<Tensor> {
                  return {noise({128, 1000})};
                },
                .run = [](const std::vector<Tensor>& x) { return softmax(x[0], 1); }});
  for (const std::int64_t classes : {10, 1000}) {
    Rng rng(1);
    const Tensor targets = Tensor::randint(0, classes, {128}, rng);
    add(Operation{
        .name = "cross_entropy/128x" + std::to_string(classes),
        .inputs = [classes](Layout) -> std::vector<Tensor> {
          return {noise({128, classes})};
        },
        .run = [targets](const std::vector<Tensor>& x) { return cross_entropy(x[0], targets); }});
  }
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
