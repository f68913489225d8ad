#include "benchmarks/support/suite.h"

#include <cstdio>
#include <exception>
#include <string_view>

#include "benchmarks/support/instruction_set.h"

namespace tenon::benchmarks {
namespace {

Settings& mutable_settings() {
  static Settings settings{.data = TENON_DEFAULT_DATA};
  return settings;
}

void print_help() {
  std::puts(
      "--threads=1,2   measure with these numbers of threads\n"
      "--avx2          nothing beyond AVX2, though the machine has it\n"
      "--smoke         run each benchmark once, to see that it works\n"
      "--data=FOLDER   of the four IDX files of MNIST\n"
      "\n"
      "and Google Benchmark's own flags, among them\n"
      "--benchmark_filter=REGEX --benchmark_min_time=SECONDS --benchmark_repetitions=N\n"
      "--benchmark_format=json --benchmark_out=FILE --benchmark_list_tests=true");
}

bool parse_threads(std::string_view text, std::vector<int>& threads) {
  threads.assign(1, 0);
  for (const char c : text) {
    if (c == ',')
      threads.push_back(0);
    else if (c >= '0' && c <= '9' && threads.back() < 1000)
      threads.back() = threads.back() * 10 + (c - '0');
    else
      return false;
  }
  for (const int count : threads)
    if (count < 1) return false;
  return true;
}

/// Takes our own flags out of the command line. False: one of them is wrong.
bool parse(int& argc, char** argv) {
  Settings& settings = mutable_settings();
  int kept = 1;
  bool threads_given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--smoke") {
      settings.smoke = true;
    } else if (argument == "--avx2") {
      limit_to_avx2();
    } else if (argument.starts_with("--data=")) {
      settings.data = argument.substr(7);
    } else if (argument.starts_with("--threads=")) {
      threads_given = true;
      if (!parse_threads(argument.substr(10), settings.threads)) {
        std::fprintf(stderr, "%s: give numbers from 1 on, as in --threads=1,2\n", argv[i]);
        return false;
      }
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  if (settings.smoke && !threads_given) settings.threads = {2};
  return true;
}

void measure(benchmark::State& state, const Operation& operation, Layout layout, bool backward) {
  std::vector<Tensor> inputs = operation.inputs(layout);
  if (backward) {
    for (Tensor& x : inputs) x.set_requires_grad();
    const Tensor dy = operation.run(inputs).detach().clone();
    reset_kernel_report();
    for (auto _ : state) {
      const auto found = gradients(operation.run(inputs), inputs, {.output_gradients = {dy}});
      benchmark::DoNotOptimize(found.data());
    }
  } else {
    const NoGradGuard no_grad;
    operation.run(inputs);
    reset_kernel_report();
    for (auto _ : state) {
      const Tensor y = operation.run(inputs);
      benchmark::DoNotOptimize(y.impl());
    }
  }
  if (operation.flop > 0) {
    const double flop = operation.flop * (backward ? 1 + operation.gradients_with_flop : 1);
    state.counters["GFLOP"] = benchmark::Counter(
        flop * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  }
}

}  // namespace

const Settings& settings() { return mutable_settings(); }

void add(const std::string& name, const std::function<void(benchmark::State&)>& body,
         std::int64_t iterations) {
  for (const int threads : settings().threads) {
    const std::string full_name = name + "/threads:" + std::to_string(threads);
    auto* added =
        benchmark::RegisterBenchmark(full_name.c_str(), [body, threads](benchmark::State& state) {
          set_num_threads(threads);
          try {
            body(state);
          } catch (const std::exception& error) {
            state.SkipWithError(error.what());
          }
        });
    added->UseRealTime()->Unit(benchmark::kMicrosecond);
    if (settings().smoke)
      added->Iterations(1);
    else if (iterations > 0)
      added->Iterations(iterations);
  }
}

void add(const Operation& operation) {
  for (const Layout layout : operation.layouts)
    for (const bool backward : {false, true})
      add(operation.name + "/" + to_text(layout) + (backward ? "/forward_backward" : "/forward"),
          [=](benchmark::State& state) { measure(state, operation, layout, backward); });
}

void training_step(nn::Module& model, optim::Optimizer& optimizer, const data::Batch& batch,
                   std::int64_t shard_size) {
  optimizer.zero_grad();
  if (shard_size > 0)
    backward_in_shards(batch, model.parameters(),
                       [&](const data::Batch& shard) {
                         return cross_entropy(model(shard.inputs), shard.targets,
                                              {.reduction = Reduction::sum});
                       },
                       {.shard_size = shard_size});
  else
    cross_entropy(model(batch.inputs), batch.targets).backward();
  optimizer.step();
}

const data::ImageDataset& mnist() {
  static const data::ImageDataset images = data::load_mnist(settings().data, data::Split::train);
  return images;
}

int run(int argc, char** argv, void (*add_all)()) {
  if (!parse(argc, argv)) return 2;
  benchmark::Initialize(&argc, argv, print_help);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("machine", machine_description());
  add_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace tenon::benchmarks
