// A training run with everything that has a state, to be killed at any moment and started again.
// usage: program DATA FOLDER THREADS SHARD_SIZE EPOCHS SAMPLES EVERY_STEPS
#include <tenon/tenon.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

using namespace tenon;

namespace {

class Net : public nn::Module {
 public:
  explicit Net(Rng& rng)
      : conv_(child<nn::Conv2d>("conv", 1, 6, 5, rng)),
        pool_(child<nn::AvgPool2d>("pool", 2)),
        dropout_(child<nn::Dropout>("dropout", 0.3, rng)),
        head_(child<nn::Linear>("head", 6 * 12 * 12, 10, rng)) {}
  Tensor forward(const Tensor& x) override {
    return head_(dropout_(flatten(pool_(tanh(conv_(x))), 1)));
  }

 private:
  nn::Conv2d& conv_;
  nn::AvgPool2d& pool_;
  nn::Dropout& dropout_;
  nn::Linear& head_;
};

/// The first samples of a dataset.
data::Subset first(const data::Dataset& dataset, std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return {dataset, indices};
}

void run(char** arguments) {
  const std::string data = arguments[1], folder = arguments[2];
  const auto number = [&](int i) { return std::strtoll(arguments[i], nullptr, 10); };
  set_num_threads(static_cast<int>(number(3)));
  const std::int64_t samples = number(6);
  const data::Subset train = first(data::load_mnist(data, data::Split::train), samples);
  const data::Subset test = first(data::load_mnist(data, data::Split::test), samples / 10);
  const data::Loader loader(train, {.batch_size = 64,
                                    .shuffle = true,
                                    .seed = 7,
                                    .transforms = {data::RandomShift({.pixels = 2}),
                                                   data::RandomRotation({.degrees = 10})},
                                    .prefetch = 2,
                                    .workers = 1});
  Rng rng(1);
  Net model(rng);
  optim::Adam adam(model.parameters(), {.learning_rate = 2e-3});
  const std::int64_t epochs = number(5);
  Trainer trainer(model, losses::CrossEntropy({.label_smoothing = 0.1}), adam,
                  {.epochs = epochs,
                   .shard_size = number(4),
                   .schedule = optim::CosineSchedule{.learning_rate = 2e-3,
                                                     .total_steps = epochs * loader.size()},
                   .quiet = true});
  trainer.add<metrics::Accuracy>();
  trainer.add<metrics::F1>();
  trainer.add<EarlyStopping>(EarlyStoppingOptions{.patience = 100, .restore_best = true});
  trainer.add<CsvLog>(folder + "/run.csv");
  trainer.add<JsonLog>(folder + "/run.jsonl");
  trainer.add<Checkpointer>(CheckpointerOptions{
      .folder = folder, .every_steps = number(7), .keep_last = 2, .keep_best = true});
  const Resumed resumed = resume_newest(trainer, folder);
  for (const std::string& skipped : resumed.skipped) std::printf("skipped %s\n", skipped.c_str());
  std::printf("begin %s\n", resumed.path.c_str());
  std::fflush(stdout);
  trainer.fit(loader, test);
  std::printf("end %lld\n", static_cast<long long>(trainer.position().step));
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 8) return 2;
  run(arguments);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
