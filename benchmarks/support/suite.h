#pragma once

#include <benchmark/benchmark.h>
#include <tenon/tenon.h>

#include <functional>
#include <string>
#include <vector>

#include "benchmarks/support/layout.h"

namespace tenon::benchmarks {

/// What the command line of a benchmark program says, besides Google Benchmark's own flags.
struct Settings {
  std::vector<int> threads = {1, 2};  ///< --threads=1,2
  bool smoke = false;                 ///< --smoke: each benchmark once, just to see that it runs
  std::string data;                   ///< --data=FOLDER of MNIST
};
const Settings& settings();

/// One operation to measure: forward, and forward with the gradients of all its inputs.
struct Operation {
  std::string name;  ///< "conv2d/128x1x28_6_k5_s1_p0_g1"
  std::function<std::vector<Tensor>(Layout)> inputs;
  std::function<Tensor(const std::vector<Tensor>&)> run;
  std::vector<Layout> layouts = {Layout::rows};
  double flop = 0;  ///< of forward; each gradient counts as much again
  int gradients_with_flop = 2;
};
inline const std::vector<Layout> kAllLayouts = {Layout::rows, Layout::channels_last,
                                                Layout::batch_inner};

/// Adds name/layout/{forward,forward_backward}/threads:n for all layouts and thread counts.
void add(const Operation& operation);

/// Adds name/threads:n for all thread counts. `iterations` 0 leaves their number to Google
/// Benchmark.
void add(const std::string& name, const std::function<void(benchmark::State&)>& body,
         std::int64_t iterations = 0);

/// One training step with gradients from shards of `shard_size` samples, or of the whole batch
/// where it is 0.
void training_step(nn::Module& model, optim::Optimizer& optimizer, const data::Batch& batch,
                   std::int64_t shard_size);

/// The training images of MNIST, read once.
const data::ImageDataset& mnist();

/// The program's main(): reads the command line, lets `add_all` add benchmarks, runs them.
int run(int argc, char** argv, void (*add_all)());

}  // namespace tenon::benchmarks
