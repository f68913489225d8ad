// Training steps of a multilayer perceptron, 784-512-512-10, on MNIST that lies in memory as f32.
#include <models/mlp.h>

#include <numeric>

#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

constexpr std::int64_t kImages = 8192;

const data::Batch& images() {
  static const data::Batch batch = [] {
    std::vector<std::int64_t> first(kImages);
    std::iota(first.begin(), first.end(), 0);
    return mnist().read(first);
  }();
  return batch;
}

void train(benchmark::State& state, std::int64_t batch_size, std::int64_t shard_size) {
  Rng rng(1);
  models::Mlp model({784, 512, 512, 10}, rng);
  optim::Adam optimizer(model.parameters());
  std::int64_t start = 0;
  const auto step = [&] {
    const SliceOptions part{.start = start, .stop = start + batch_size};
    training_step(model, optimizer,
                  {slice(images().inputs, 0, part), slice(images().targets, 0, part)}, shard_size);
    start = (start + batch_size) % kImages;
  };
  for (int i = 0; i < (settings().smoke ? 1 : 20); ++i) step();
  for (auto _ : state) step();
}

void add_all() {
  add("mlp/whole/batch:128", [](benchmark::State& state) { train(state, 128, 0); });
  add("mlp/shards_of_16/batch:128", [](benchmark::State& state) { train(state, 128, 16); });
  add("mlp/shards_of_64/batch:128", [](benchmark::State& state) { train(state, 128, 64); });
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
