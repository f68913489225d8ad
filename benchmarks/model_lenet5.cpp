// Training LeNet-5 on shuffled MNIST: one iteration is one step, 468 of them at batch 128 are one
// epoch, with Loader, zero_grad and optimizer.
#include <models/lenet5.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

/// The most memory that this process has had resident; 0 where the system does not tell.
double peak_resident_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024 / 1e6;
  return 0;
}

data::LoaderOptions loader_options(std::int64_t batch_size) {
  return {.batch_size = batch_size, .shuffle = true, .seed = 1, .drop_last = true};
}

void train(benchmark::State& state, std::int64_t batch_size, std::int64_t shard_size) {
  Rng rng(1);
  models::LeNet5 model(rng);
  optim::Adam optimizer(model.parameters());
  const data::Loader loader(mnist(), loader_options(batch_size));

  std::int64_t warm_up_steps = settings().smoke ? 1 : std::min<std::int64_t>(20, loader.size());
  for (const data::Batch& batch : loader.epoch(0)) {
    if (warm_up_steps-- == 0) break;
    training_step(model, optimizer, batch, shard_size);
  }

  const std::int64_t allocations = memory_stats().system_allocations;
  std::optional<data::Epoch> epoch;
  std::optional<data::Epoch::Iterator> batch;
  std::int64_t step = 0;
  for (auto _ : state) {
    if (step % loader.size() == 0) {
      batch.reset();
      epoch = loader.epoch(1 + step / loader.size());
      batch = epoch->begin();
    } else {
      ++*batch;
    }
    training_step(model, optimizer, **batch, shard_size);
    ++step;
  }
  const auto images = static_cast<double>(step * batch_size);
  state.counters["images"] = benchmark::Counter(images, benchmark::Counter::kIsRate);
  state.counters["system_allocations"] =
      static_cast<double>(memory_stats().system_allocations - allocations);
  state.counters["peak_resident_MB"] = peak_resident_megabytes();
}

void add_training(const std::string& name, std::int64_t batch_size, std::int64_t shard_size) {
  add(
      "lenet5/" + name + "/batch:" + std::to_string(batch_size),
      [=](benchmark::State& state) { train(state, batch_size, shard_size); },
      data::Loader(mnist(), loader_options(batch_size)).size());
}

void add_all() {
  add_training("whole", 128, 0);
  for (std::int64_t batch_size = 64; batch_size <= 4096; batch_size *= 2)
    add_training("shards_of_16", batch_size, 16);
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
