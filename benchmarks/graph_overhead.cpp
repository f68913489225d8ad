// What an operation costs besides its arithmetic: tensors of 8 numbers.
#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

void tanh_chain(benchmark::State& state) {
  Tensor x = noise({8}).set_requires_grad();
  for (auto _ : state) {
    Tensor y = x;
    for (int i = 0; i < 100; ++i) y = tanh(y);
    benchmark::DoNotOptimize(gradients(sum(y), {x}).data());
  }
}

void module_call(benchmark::State& state) {
  Rng rng(1);
  nn::Linear layer(8, 8, rng);
  const Tensor x = noise({1, 8});
  const NoGradGuard no_grad;
  for (auto _ : state) benchmark::DoNotOptimize(layer(x).impl());
}

void add_all() {
  add(Operation{.name = "add/8",
                .inputs = [](Layout) -> std::vector<Tensor> {
                  return {noise({8}), noise({8})};
                },
                .run = [](const std::vector<Tensor>& x) { return x[0] + x[1]; }});
  add("tanh_chain_100/8/rows/forward_backward", tanh_chain);
  add("linear_module/8_8/rows/forward", module_call);
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
