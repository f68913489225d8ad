// Training with a Trainer: figures of each epoch, checkpoints, and a run that goes on after it was
// stopped, to the bit.
#include <models/lenet5.h>
#include <tenon/tenon.h>

#include <cstdio>
#include <filesystem>
#include <string>

using namespace tenon;

// [rule]
/// Stops when the model is good enough.
class StopAtAccuracy : public Callback {
 public:
  explicit StopAtAccuracy(double wanted) : wanted_(wanted) {}
  void on_epoch_end(Trainer& trainer, const Logs& logs) override {
    if (logs.at("validation_accuracy") >= wanted_) trainer.stop("accurate enough");
  }

 private:
  double wanted_;
};
// [rule]

/// Trains up to an accuracy and returns the last loss.
double train(const std::string& folder, double wanted) {
  // [training]
  const data::ImageDataset train_set = data::load_mnist(TENON_DEFAULT_DATA, data::Split::train);
  const data::ImageDataset test_set = data::load_mnist(TENON_DEFAULT_DATA, data::Split::test);
  Rng rng(1);
  models::LeNet5 model(rng);
  optim::Adam optimizer(model.parameters(), {.learning_rate = 2e-3});
  const data::Loader loader(train_set, {.batch_size = 128, .shuffle = true, .seed = 1});

  Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 2});
  trainer.add<metrics::Accuracy>();
  trainer.add<ProgressBar>();
  trainer.add<StopAtAccuracy>(wanted);
  trainer.add<CsvLog>(folder + "/run.csv");
  trainer.add<Checkpointer>(CheckpointerOptions{.folder = folder, .every_steps = 200});
  const Resumed resumed = resume_newest(trainer, folder);  // nothing there the first time
  trainer.fit(loader, test_set);
  // [training]
  if (!resumed.path.empty())
    std::printf("went on from %s\n",
                std::filesystem::path(resumed.path).filename().string().c_str());
  return trainer.history().back().at("loss");
}

int main() try {
  const std::filesystem::path runs = std::filesystem::temp_directory_path() / "tenon-trainer";
  std::filesystem::remove_all(runs);
  const std::string straight = (runs / "straight").string(), twice = (runs / "twice").string();
  std::filesystem::create_directories(straight);
  std::filesystem::create_directories(twice);
  const double loss = train(straight, 1.0);
  train(twice, 0.9);  // stops after the first epoch
  const double again = train(twice, 1.0);
  std::printf("loss %.17g and %.17g: %s\n", loss, again, loss == again ? "the same" : "different");
  return loss == again ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
