#include <fmt/format.h>
#include <tenon/tenon.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/tenon/commands.h"
#include "tools/tenon/data_folder.h"
#include "tools/tenon/interrupt.h"
#include "tools/tenon/json_output.h"
#include "tools/tenon/run_folder.h"
#include "tools/tenon/text.h"
#include "tools/tenon/train_options.h"

namespace tenon::cli {
namespace {

using Json = nlohmann::ordered_json;

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainOptions& options,
                                                 const nn::Module& model) {
  const double rate = options.learning_rate;
  if (options.optimizer == "sgd")
    return std::make_unique<optim::SGD>(model.parameters(),
                                        optim::SGDOptions{.learning_rate = rate, .momentum = 0.9});
  if (options.optimizer == "adamw")
    return std::make_unique<optim::AdamW>(model.parameters(),
                                          optim::AdamWOptions{.learning_rate = rate});
  return std::make_unique<optim::Adam>(model.parameters(),
                                       optim::AdamOptions{.learning_rate = rate});
}

/// The epochs as documents of --json.
class JsonEpochs : public Callback {
 public:
  explicit JsonEpochs(JsonOutput& output) : output_(output) {}
  void on_epoch_end(Trainer& trainer, const Logs& logs) override {
    Json epoch{
        {"event", "epoch"}, {"epoch", trainer.position().epoch}, {"step", trainer.position().step}};
    for (const auto& [name, value] : logs) epoch[name] = value;
    output_.print(epoch);
  }

 private:
  JsonOutput& output_;
};

/// The checkpoint to go on with, and sets options.run to its folder; none for a run that begins.
std::optional<FoundCheckpoint> find_start(TrainOptions& options) {
  namespace fs = std::filesystem;
  if (options.resume.empty()) {
    if (!options.run.empty()) check_is_new(options.run);
    return std::nullopt;
  }
  if (options.resume != "auto") {
    const std::string run = fs::path(options.resume).parent_path().string();
    if (!options.run.empty())
      throw CLI::ValidationError(
          "--resume", "FILE goes on in its own folder: leave out --run, or copy the folder");
    options.run = run.empty() ? "." : run;
    return FoundCheckpoint{options.resume, load_checkpoint(options.resume)};
  }
  if (options.run.empty()) {
    options.run = newest_run(options.model);
    if (options.run.empty())
      throw Error(
          fmt::format("--resume: there is no run of {} in {}. Name its folder with --run, or "
                      "begin one without --resume",
                      options.model, fs::absolute("runs").string()));
  }
  return newest_checkpoint(options.run);
}

std::string command_that_goes_on(const TrainOptions& options, const CLI::App& command) {
  std::string text =
      fmt::format("{} train {} --run {} --resume", shell_quoted(program_invocation_name),
                  options.model, shell_quoted(options.run));
  if (command.count("--threads") > 0) text += fmt::format(" --threads {}", options.threads);
  return text;
}

void describe(Trainer& trainer, const TrainOptions& options,
              const std::optional<FoundCheckpoint>& start) {
  fmt::print("{}\n{}\n", machine_description(),
             summary(trainer.model(), find_model(options.model)->input_shape));
  fmt::print("run {}\n", options.run);
  if (!start) {
    if (!options.resume.empty()) fmt::print("it holds no checkpoint yet, so it begins\n");
    return;
  }
  const TrainingPosition& at = trainer.position();
  fmt::print("resumed {} {}\n", start->path,
             at.batch == 0 ? fmt::format("after epoch {}", at.epoch)
                           : fmt::format("in epoch {} after batch {}", at.epoch + 1, at.batch));
  if (at.epoch >= options.epochs)
    fmt::print("it has all of its {} epochs: --epochs gives it more\n", options.epochs);
  else if (const MetadataValue& before = start->info.metadata.at("trainer.epochs");
           options.schedule == "cosine" && before != MetadataValue(options.epochs))
    fmt::print("the learning rate now falls to 0 over {} epochs, not {}\n", options.epochs,
               to_string(before));
}

/// Throws unless all epochs are finished.
void check_finished(const Trainer& trainer, const StopOnInterrupt& interrupt,
                    const TrainOptions& options, const CLI::App& command, JsonOutput& json) {
  const TrainingPosition& at = trainer.position();
  if (at.epoch >= options.epochs) return;
  const std::string go_on = command_that_goes_on(options, command);
  json.print({{"event", "stopped"},
              {"epoch", at.epoch},
              {"step", at.step},
              {"reason", trainer.stop_reason()},
              {"go_on", go_on}});
  if (!interrupt.was_interrupted())
    throw Error(fmt::format("training stopped in epoch {} of {}: {}", at.epoch + 1, options.epochs,
                            trainer.stop_reason()));
  std::fflush(stdout);
  fmt::print(stderr, "saved after step {}; to go on:\n  {}\n", at.step, go_on);
  throw Interrupted();
}

void train(TrainOptions options, const CLI::App& command) {
  JsonOutput json(options.json);
  const std::optional<FoundCheckpoint> start = find_start(options);
  if (start) take_over(options, command, start->path, start->info.metadata);
  options.data = data_folder(options.data);
  if (options.threads > 0) set_num_threads(options.threads);

  const data::ImageDataset train_set = data::load_mnist(options.data, data::Split::train);
  const data::ImageDataset test_set = data::load_mnist(options.data, data::Split::test);
  const auto seed = static_cast<std::uint64_t>(options.seed);
  Rng rng(seed);
  const std::unique_ptr<nn::Module> model = find_model(options.model)->make(rng);
  const std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(options, *model);
  const data::Loader loader(train_set,
                            {.batch_size = options.batch_size, .shuffle = true, .seed = seed});
  optim::Schedule schedule;
  if (options.schedule == "cosine")
    schedule = optim::CosineSchedule{
        .learning_rate = options.learning_rate,
        .total_steps = std::max<std::int64_t>(1, options.epochs * loader.size())};

  if (options.run.empty())
    options.run = make_run(options.model);
  else
    make_named_run(options.run);
  const RunLock lock(options.run);

  Trainer trainer(*model, losses::CrossEntropy(), *optimizer,
                  {.epochs = options.epochs,
                   .schedule = schedule,
                   .metadata = metadata_of(options),
                   .quiet = options.quiet});
  trainer.add<metrics::Accuracy>();
  auto& interrupt = trainer.add<StopOnInterrupt>();
  trainer.add<NanStop>();
  trainer.add<RunRecorder>();
  if (!options.quiet) trainer.add<ProgressBar>();
  if (json.is_on()) trainer.add<JsonEpochs>(json);
  trainer.add<CsvLog>(options.run + "/log.csv");
  trainer.add<Checkpointer>(CheckpointerOptions{.folder = options.run, .keep_best = true});
  if (start) trainer.resume(start->path);

  if (!options.quiet) describe(trainer, options, start);
  json.print({{"event", "begin"},
              {"model", options.model},
              {"run", options.run},
              {"resumed", start ? Json(start->path) : Json()},
              {"epoch", trainer.position().epoch},
              {"step", trainer.position().step},
              {"epochs", options.epochs}});
  trainer.fit(loader, test_set);
  check_finished(trainer, interrupt, options, command, json);

  const Logs test = trainer.evaluate(test_set);
  fmt::print("test loss {:.4f}, test accuracy {:.2f} %\n", test.at("loss"),
             100 * test.at("accuracy"));
  json.print({{"event", "end"},
              {"run", options.run},
              {"epoch", trainer.position().epoch},
              {"step", trainer.position().step},
              {"test_loss", test.at("loss")},
              {"test_accuracy", test.at("accuracy")}});
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "train a model, or go on with a run");
  const auto options = std::make_shared<TrainOptions>();
  add_train_options(*command, *options);
  command->callback([command, options] { train(*options, *command); });
}

}  // namespace tenon::cli
