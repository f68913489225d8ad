#include "tools/tenon/train_options.h"

#include <fmt/format.h>
#include <tenon/core/error.h>
#include <tenon/core/machine.h>
#include <tenon/core/parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <sstream>

namespace tenon::cli {
namespace {

constexpr const char* kExamples =
    "examples:\n"
    "  tenon train lenet5\n"
    "  tenon train lenet5 --epochs 20 --run runs/long\n"
    "  tenon train lenet5 --data fashion-mnist --optimizer sgd --learning-rate 0.05\n"
    "  tenon train lenet5 --resume                  the newest run, with its own options\n"
    "  tenon train lenet5 --resume --run runs/long --epochs 30\n"
    "  tenon train lenet5 --resume runs/lenet5-1/best.h5\n"
    "\n"
    "A run is a folder: step-*.h5 are the checkpoints of its last epochs, best.h5 that with the\n"
    "lowest loss on the test set, log.csv has a line an epoch. Ctrl-C ends it after the batch "
    "that\n"
    "runs, saves it and prints the command that goes on; a run that was stopped and goes on ends\n"
    "with the bits of one that was not. Where the run's folder is named and holds no checkpoint\n"
    "yet, --resume begins the run.";

/// Where a checkpoint has the options that decide a run's bits.
constexpr const char *kModel = "tenon.model", *kData = "tenon.data", *kSeed = "tenon.seed",
                     *kOptimizer = "tenon.optimizer", *kSchedule = "tenon.schedule",
                     *kLearningRate = "tenon.learning_rate";
// These two are the trainer's own.
constexpr const char *kEpochs = "trainer.epochs", *kBatchSize = "trainer.loader.batch_size";

void take(const MetadataValue& value, std::int64_t& option) { option = value.integer(); }
void take(const MetadataValue& value, double& option) { option = value.number(); }
void take(const MetadataValue& value, std::string& option) { option = value.text(); }

/// "instruction set  AVX-512" as {"machine.instruction_set", "AVX-512"}, and so on.
void add_machine(Metadata& metadata) {
  std::istringstream lines(machine_description());
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find("  ");
    if (end == std::string::npos) continue;
    std::string name = line.substr(0, end);
    for (char& c : name) c = c == ' ' ? '_' : static_cast<char>(std::tolower(c));
    metadata.emplace("machine." + name, line.substr(line.find_first_not_of(' ', end)));
  }
}

}  // namespace

void add_train_options(CLI::App& command, TrainOptions& options) {
  command.footer(kExamples);
  command.add_option("model", options.model, "its name")
      ->required()
      ->type_name("MODEL")
      ->check(CLI::IsMember(model_names()));
  command
      .add_option(
          "--data", options.data,
          "the four IDX files, gzip or plain, of MNIST or Fashion-MNIST [MNIST in the clone]")
      ->type_name("FOLDER");
  command.add_option("--epochs", options.epochs, "in all, those before a resume included")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--batch-size", options.batch_size, "images a step")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--learning-rate", options.learning_rate, "at the start")
      ->check(CLI::Range(0.0, std::numeric_limits<double>::max()))
      ->type_name("X")
      ->capture_default_str();
  command.add_option("--schedule", options.schedule, "cosine falls to 0 over the epochs")
      ->check(CLI::IsMember({"cosine", "constant"}))
      ->type_name("")
      ->capture_default_str();
  command.add_option("--optimizer", options.optimizer, "sgd has a momentum of 0.9")
      ->check(CLI::IsMember({"sgd", "adam", "adamw"}))
      ->type_name("")
      ->capture_default_str();
  command.add_option("--threads", options.threads, "which change no bit [all of the machine]")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  command.add_option("--seed", options.seed, "of the weights and of the order of the images")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--run", options.run, "of the run [the first free of runs/MODEL-1, -2, ...]")
      ->type_name("FOLDER");
  command
      .add_option(
          "--resume", options.resume,
          "go on: with the newest intact checkpoint of --run, or of the newest run; or with "
          "FILE in its own folder, whose newer files are then replaced")
      ->expected(0, 1)
      ->default_str("auto")
      ->type_name("[FILE]");
  command.add_flag("--quiet", options.quiet, "print the last line alone");
  command.add_flag(
      "--json", options.json,
      "print a JSON object a line: the begin, each epoch, the end; all else to standard "
      "error");
}

Metadata metadata_of(const TrainOptions& options) {
  Metadata metadata{{kModel, options.model},       {kData, options.data},
                    {kSeed, options.seed},         {kOptimizer, options.optimizer},
                    {kSchedule, options.schedule}, {kLearningRate, options.learning_rate}};
  add_machine(metadata);
  return metadata;
}

void take_over(TrainOptions& options, const CLI::App& command, const std::string& path,
               const Metadata& saved) {
  const std::string model = find_text(saved, kModel);
  for (const char* name :
       {kModel, kData, kSeed, kOptimizer, kSchedule, kLearningRate, kEpochs, kBatchSize})
    if (saved.count(name) == 0)
      throw Error(
          fmt::format("{} was not saved by tenon train: it lacks the metadata {}", path, name));
  if (model != options.model)
    throw Error(fmt::format("{} is of a run of {}, not of {}", path, model, options.model));

  // These may change while a run goes on.
  if (command.count("--data") == 0) take(saved.at(kData), options.data);
  if (command.count("--epochs") == 0) take(saved.at(kEpochs), options.epochs);

  std::string contradictions;
  const auto keep = [&](const char* flag, const char* name, auto& option) {
    const auto given = option;
    take(saved.at(name), option);
    if (command.count(flag) > 0 && given != option)
      contradictions += fmt::format("\n  {} was {} and is {} now", flag, option, given);
  };
  keep("--batch-size", kBatchSize, options.batch_size);
  keep("--learning-rate", kLearningRate, options.learning_rate);
  keep("--schedule", kSchedule, options.schedule);
  keep("--optimizer", kOptimizer, options.optimizer);
  keep("--seed", kSeed, options.seed);
  if (!contradictions.empty())
    throw Error(
        fmt::format("{} is of a run with other options{}\n  Leave them out to go on with it, "
                    "or begin another run without --resume",
                    path, contradictions));
}

}  // namespace tenon::cli
