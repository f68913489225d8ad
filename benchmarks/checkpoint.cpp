// How long checkpoints take. `lenet5` measures by itself; `save` and `load` do one thing and print
// its seconds, for benchmarks/checkpoint-speed, which puts dd and cp beside them.
#include <fcntl.h>
#include <fmt/format.h>
#include <models/lenet5.h>
#include <tenon/tenon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "benchmarks/support/median.h"

namespace tenon::benchmarks {
namespace {

namespace fs = std::filesystem;

template <class Body>
double seconds_of(Body body) {
  const double start = steady_seconds();
  body();
  return steady_seconds() - start;
}

/// The least that any program does to replace a file safely.
void write_and_flush(const std::string& path, const std::string& bytes) {
  const std::string temporary = path + ".new";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const int folder = ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY);
  const bool is_written =
      ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
      ::fsync(file) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0 && ::fsync(folder) == 0;
  ::close(file);
  ::close(folder);
  if (!is_written) throw Error("cannot write " + path + ".");
}

void measure_lenet5(const std::string& folder, int times) {
  Rng rng(1);
  models::LeNet5 model(rng);
  optim::Adam optimizer(model.parameters());
  const data::TensorDataset images(Tensor::uniform({128, 1, 28, 28}, rng),
                                   Tensor::randint(0, 10, {128}, rng));
  Trainer trainer(model, losses::CrossEntropy(), optimizer, {.quiet = true});
  trainer.fit(data::Loader(images, {.batch_size = 128}));  // so that Adam has its slots

  const fs::path path = fs::absolute(folder) / fmt::format("tenon-checkpoint-{}.h5", ::getpid());
  trainer.save(path);
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<double> save_checkpoint_seconds, save_seconds, bare_seconds;
  for (int i = 0; i < times; ++i) {
    save_checkpoint_seconds.push_back(seconds_of(
        [&] { save_checkpoint(path, {.model = &model, .optimizer = &optimizer, .rng = &rng}); }));
    save_seconds.push_back(seconds_of([&] { trainer.save(path); }));
    bare_seconds.push_back(seconds_of([&] { write_and_flush(path, bytes); }));
  }
  fs::remove(path);
  fmt::print("| {} | {:.2f} ms | {:.2f} ms | {:.2f} ms |\n", folder,
             1e3 * median(save_checkpoint_seconds), 1e3 * median(save_seconds),
             1e3 * median(bare_seconds));
}

class Large : public nn::Module {
 public:
  explicit Large(std::int64_t parameters) {
    Rng rng(1);
    register_parameter("weight", Tensor::uniform({parameters}, rng));
  }
};

struct LargeRun {
  LargeRun(std::int64_t parameters, bool with_adam) : model(parameters) {
    if (!with_adam) return;
    optimizer.emplace(model.parameters());
    Tensor weight = model.parameters()[0].tensor;
    weight.set_grad(Tensor::full(weight.shape(), 0.5));
    optimizer->step();
    weight.zero_grad();
  }
  optim::Optimizer* adam() { return optimizer ? &*optimizer : nullptr; }

  Large model;
  std::optional<optim::Adam> optimizer;
};

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) try {
  using namespace tenon;
  using namespace tenon::benchmarks;
  CLI::App app("How long checkpoints take (docs/benchmarks.md).");
  bool smoke = false;
  app.add_flag("--smoke", smoke, "as short as possible, to see that it works");

  std::vector<std::string> folders = {"."};
  int times = 101;
  CLI::App* lenet5 = app.add_subcommand("lenet5", "a checkpoint of LeNet-5 with Adam: medians");
  lenet5->add_option("--folder", folders, "where to write; repeatable")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  lenet5->add_option("--times", times, "how often")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  std::string path;
  std::int64_t parameters = 100'000'000;
  bool with_adam = false;
  CLI::App* save =
      app.add_subcommand("save", "writes one large checkpoint, and prints the seconds");
  CLI::App* load = app.add_subcommand("load", "reads it, and prints the seconds");
  for (CLI::App* command : {save, load}) {
    command->add_option("file", path)->required();
    command->add_option("--parameters", parameters, "of the model, f32")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_flag("--adam", with_adam, "with Adam's two slots");
  }
  CLI11_PARSE(app, argc, argv);

  if (*save || *load) {
    LargeRun run(parameters, with_adam);
    fmt::print("{:.6f}\n", seconds_of([&] {
                 if (*save)
                   save_checkpoint(path, {.model = &run.model, .optimizer = run.adam()});
                 else
                   load_checkpoint(path, {.model = &run.model, .optimizer = run.adam()});
               }));
  } else if (*lenet5 || smoke) {
    fmt::print(
        "{}\n| folder | save_checkpoint | trainer.save | the same bytes, written and flushed "
        "|\n|---|---|---|---|\n",
        machine_description());
    for (const std::string& folder : folders) measure_lenet5(folder, smoke ? 1 : times);
  } else {
    fmt::print("{}", app.help());
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
