// Trains LeNet-5 on MNIST: what tools/train-lenet5 runs. `--help` lists the options.
#include <models/lenet5.h>
#include <tenon/tenon.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <thread>

using namespace tenon;

namespace {

struct Options {
  std::string data = TENON_DEFAULT_DATA;
  int64_t epochs = 10;
  int64_t batch_size = 128;
  double learning_rate = 2e-3;
  std::string schedule = "cosine";
  std::string optimizer = "adam";
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  uint64_t seed = 1;
  std::string checkpoint = "lenet5.h5";
  bool resume = false;
  bool quiet = false;
};

struct Score {
  double loss = 0;
  double accuracy = 0;
};

Score evaluate(nn::Module& model, const data::Dataset& dataset) {
  const NoGradGuard no_grad;
  model.set_training(false);
  Score score;
  for (const data::Batch& batch : data::Loader(dataset, {.batch_size = 500}).epoch(0)) {
    const Tensor logits = model(batch.inputs);
    score.loss +=
        cross_entropy(logits, batch.targets, {.reduction = Reduction::sum}).item<double>();
    score.accuracy += sum(equal(argmax(logits, 1), batch.targets)).item<double>();
  }
  model.set_training(true);
  const auto count = static_cast<double>(dataset.size());
  return {score.loss / count, score.accuracy / count};
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Options& options, const nn::Module& model) {
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

std::string format(const char* pattern, auto... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// Before an epoch is spent, not after it.
void check_folder(const std::string& checkpoint) {
  const auto folder = std::filesystem::absolute(checkpoint).parent_path();
  if (!std::filesystem::is_directory(folder))
    throw std::runtime_error("--checkpoint: there is no folder " + folder.string());
}

void train(const Options& options) {
  if (!options.checkpoint.empty()) check_folder(options.checkpoint);
  const data::ImageDataset train_set = data::load_mnist(options.data, data::Split::train);
  const data::ImageDataset test_set = data::load_mnist(options.data, data::Split::test);
  Rng rng(options.seed);
  models::LeNet5 model(rng);
  const std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(options, model);
  const data::Loader loader(
      train_set, {.batch_size = options.batch_size, .shuffle = true, .seed = options.seed});
  const optim::CosineSchedule cosine{
      .learning_rate = options.learning_rate,
      .total_steps = std::max<int64_t>(1, options.epochs * loader.size())};

  int64_t first_epoch = 0;
  int64_t step = 0;
  if (options.resume) {
    const CheckpointInfo info =
        load_checkpoint(options.checkpoint, {.model = &model, .optimizer = optimizer.get()});
    first_epoch = info.epoch;
    step = info.step;
    if (!options.quiet)
      std::printf("resumed %s after epoch %lld\n", options.checkpoint.c_str(),
                  static_cast<long long>(first_epoch));
  }
  if (!options.quiet) {
    std::fputs(machine_description().c_str(), stdout);
    std::printf("\n%s\n", summary(model, {1, 1, 28, 28}).c_str());
  }

  ProgressLine progress;
  const double start = steady_seconds();
  for (int64_t epoch = first_epoch; epoch < options.epochs; ++epoch) {
    const double epoch_start = steady_seconds();
    double loss_sum = 0;
    int64_t seen = 0;
    std::atomic<int64_t> right{0};
    const auto status = [&] {
      const double seconds = steady_seconds() - epoch_start;
      const double done = static_cast<double>(epoch - first_epoch) +
                          static_cast<double>(seen) / static_cast<double>(train_set.size());
      const double left = (steady_seconds() - start) / done *
                          (static_cast<double>(options.epochs - first_epoch) - done);
      return format("epoch %2lld/%lld  loss %.4f  accuracy %5.2f %%  %6.0f images/s  ETA %s",
                    static_cast<long long>(epoch) + 1, static_cast<long long>(options.epochs),
                    loss_sum / static_cast<double>(seen),
                    100 * static_cast<double>(right) / static_cast<double>(seen),
                    static_cast<double>(seen) / seconds, to_duration(left).c_str());
    };
    for (const data::Batch& batch : loader.epoch(epoch)) {
      if (options.schedule == "cosine") optimizer->set_learning_rate(cosine(step));
      optimizer->zero_grad();
      // In shards: the same bits on any number of threads.
      const double loss =
          backward_in_shards(batch, model.parameters(), [&](const data::Batch& shard) {
            const Tensor logits = model(shard.inputs);
            right += sum(equal(argmax(logits.detach(), 1), shard.targets)).item<int64_t>();
            return cross_entropy(logits, shard.targets, {.reduction = Reduction::sum});
          });
      optimizer->step();
      ++step;
      seen += batch.size();
      loss_sum += loss * static_cast<double>(batch.size());
      if (!options.quiet) progress.update(status());
    }
    const std::string line = status();
    // The tutorial's habit: the test set is watched, but nothing is selected by it.
    const Score validation = evaluate(model, test_set);
    if (!options.quiet)
      progress.finish(line + format("  validation loss %.4f  accuracy %5.2f %%", validation.loss,
                                    100 * validation.accuracy));
    if (!options.checkpoint.empty())
      save_checkpoint(
          options.checkpoint,
          {.model = &model, .optimizer = optimizer.get(), .epoch = epoch + 1, .step = step});
  }
  if (!options.quiet && !options.checkpoint.empty())
    std::printf("checkpoint %s\n", std::filesystem::absolute(options.checkpoint).c_str());
  const Score test = evaluate(model, test_set);
  std::printf("test loss %.4f, test accuracy %.2f %%\n", test.loss, 100 * test.accuracy);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Trains LeNet-5 (LeCun et al. 1998; 28x28 images, 44,426 parameters).");
  app.add_option("--data", options.data,
                 "folder of the four IDX files, gzip or plain (MNIST or Fashion-MNIST)");
  app.add_option("--epochs", options.epochs, "epochs in all, those before a resume included")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--batch-size", options.batch_size)->check(CLI::Range(1, 1'000'000));
  app.add_option("--learning-rate", options.learning_rate, "at the start")
      ->check(CLI::Range(0.0, 1000.0));
  app.add_option("--schedule", options.schedule, "cosine falls to 0 over the run")
      ->check(CLI::IsMember({"cosine", "constant"}));
  app.add_option("--optimizer", options.optimizer)->check(CLI::IsMember({"sgd", "adam", "adamw"}));
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 1024));
  app.add_option("--seed", options.seed, "of the weights and of the order of the images");
  app.add_option("--checkpoint", options.checkpoint, "file, written after each epoch; empty: none");
  app.add_flag("--resume", options.resume, "continue from the checkpoint");
  app.add_flag("--quiet", options.quiet, "print the last line alone");
  app.option_defaults()->always_capture_default();
  CLI11_PARSE(app, argc, argv);
  try {
    set_num_threads(options.threads);
    train(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
