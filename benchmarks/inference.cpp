// LeNet-5 without a graph: one image, a batch, the whole test set's number of images.
#include <models/lenet5.h>

#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

void classify(benchmark::State& state, std::int64_t batch_size, bool in_shards) {
  Rng rng(1);
  models::LeNet5 model(rng);
  model.set_training(false);
  const Tensor images = Tensor::uniform({batch_size, 1, 28, 28}, rng);
  const NoGradGuard no_grad;
  const auto logits = [&] { return in_shards ? forward_in_shards(model, images) : model(images); };
  for (int i = 0; i < 3; ++i) logits();
  for (auto _ : state) benchmark::DoNotOptimize(logits().impl());
  state.counters["images"] = benchmark::Counter(
      static_cast<double>(state.iterations() * batch_size), benchmark::Counter::kIsRate);
}

void add_all() {
  for (const std::int64_t batch_size : {1, 8, 128, 10'000}) {
    const std::string batch = "/batch:" + std::to_string(batch_size);
    add("lenet5_inference/whole" + batch,
        [=](benchmark::State& state) { classify(state, batch_size, false); });
    if (batch_size > 16)
      add("lenet5_inference/shards_of_16" + batch,
          [=](benchmark::State& state) { classify(state, batch_size, true); });
  }
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
