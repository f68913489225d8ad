// What a Trainer costs over the same loop written by hand: LeNet-5 on shuffled MNIST, Adam, batch
// 128, shards of 16. A turn is an epoch; the contestants take turns, each round in another order.
#include <fmt/format.h>
#include <models/lenet5.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "benchmarks/support/median.h"
#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

/// Sends what the process prints into a pipe, which nobody reads: it holds an epoch's line.
class IntoPipe {
 public:
  IntoPipe() : stdout_(::dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    if (::pipe(ends_.data()) != 0 || ::dup2(ends_[1], STDOUT_FILENO) < 0)
      throw Error("there is no pipe to print into.");
  }
  ~IntoPipe() {
    std::fflush(stdout);
    ::dup2(stdout_, STDOUT_FILENO);
    for (const int end : {ends_[0], ends_[1], stdout_}) ::close(end);
  }
  IntoPipe(const IntoPipe&) = delete;
  IntoPipe& operator=(const IntoPipe&) = delete;

 private:
  int stdout_;
  std::array<int, 2> ends_{};
};

struct Result {
  double seconds;
  std::vector<float> weights;  ///< of the first layer, to see that all do the same work
};

class Race {
 public:
  explicit Race(const data::Dataset& images)
      : loader_(images, {.batch_size = 128, .shuffle = true, .seed = 1, .drop_last = true}) {}

  std::int64_t steps() const { return loader_.size(); }

  Result by_hand() {
    return run([&](models::LeNet5& model, optim::Adam& optimizer) {
      const double start = steady_seconds();
      for (const data::Batch& batch : loader_.epoch(0)) training_step(model, optimizer, batch, 16);
      return steady_seconds() - start;
    });
  }
  Result by_trainer(bool with_callbacks) {
    return run([&](models::LeNet5& model, optim::Adam& optimizer) {
      const IntoPipe pipe;
      Trainer trainer(model, losses::CrossEntropy(), optimizer);
      if (with_callbacks) {
        trainer.add<metrics::Accuracy>();
        trainer.add<ProgressBar>();
        trainer.add<NanStop>();
        trainer.add<CsvLog>(log_.string());
      }
      const double start = steady_seconds();
      trainer.fit(loader_);
      return steady_seconds() - start;
    });
  }
  ~Race() {
    std::error_code ignored;
    std::filesystem::remove(log_, ignored);
  }

 private:
  template <class Body>
  static Result run(Body body) {
    Rng rng(1);
    models::LeNet5 model(rng);
    optim::Adam optimizer(model.parameters());
    const double seconds = body(model, optimizer);
    return {seconds, model.parameters()[0].tensor.to_vector<float>()};
  }

  data::Loader loader_;
  const std::filesystem::path log_ = std::filesystem::temp_directory_path() /
                                     fmt::format("tenon-training-cost-{}.csv", ::getpid());
};

std::string cost(const std::vector<double>& ratios) {
  const auto percent = [](double ratio) { return 100 * (ratio - 1); };
  return fmt::format("{:+.1f} % ({:+.1f} to {:+.1f})", percent(median(ratios)),
                     percent(*std::min_element(ratios.begin(), ratios.end())),
                     percent(*std::max_element(ratios.begin(), ratios.end())));
}

void measure(int threads, int rounds, const data::Dataset& images) {
  set_num_threads(threads);
  Race race(images);
  race.by_hand();
  std::vector<double> by_hand;
  std::array<std::vector<double>, 2> ratios;
  for (int round = 0; round < rounds; ++round) {
    std::array<Result, 3> results;
    for (int turn = 0; turn < 3; ++turn) {
      const int who = (round + turn) % 3;
      results[static_cast<std::size_t>(who)] =
          who == 0 ? race.by_hand() : race.by_trainer(who == 2);
    }
    by_hand.push_back(results[0].seconds);
    for (const std::size_t who : {0, 1}) {
      ratios[who].push_back(results[who + 1].seconds / results[0].seconds);
      if (results[who + 1].weights != results[0].weights)
        throw Error("the trainer ended with other weights than the loop by hand.");
    }
  }
  fmt::print("| {} | {:.3f} ms | {} | {} |\n", threads,
             1e3 * median(by_hand) / static_cast<double>(race.steps()), cost(ratios[0]),
             cost(ratios[1]));
  std::fflush(stdout);
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) try {
  using namespace tenon::benchmarks;
  CLI::App app("What a Trainer costs over the same loop written by hand (docs/benchmarks.md).");
  std::vector<int> threads = {1, 2};
  int rounds = 7;
  bool smoke = false;
  app.add_option("--threads", threads, "numbers of threads [1,2]")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", rounds, "epochs that each contestant runs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--smoke", smoke, "a few steps, to see that it works");
  CLI11_PARSE(app, argc, argv);

  fmt::print(
      "{}\n| threads | a step by hand | Trainer | with Accuracy, ProgressBar, NanStop, CsvLog "
      "|\n|---|---|---|---|\n",
      tenon::machine_description());
  tenon::data::Dataset images = mnist();
  if (smoke) images = tenon::data::Subset(images, std::vector<std::int64_t>(1280));
  for (const int count : threads) measure(count, smoke ? 1 : rounds, images);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
