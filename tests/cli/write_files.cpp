// Files for the tests of the program tenon, which it does not make itself.
// usage: write_files FOLDER
#include <models/lenet5.h>
#include <tenon/tenon.h>

#include <string>

using namespace tenon;

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const std::string folder = arguments[1];
  Rng rng(3);
  models::LeNet5 lenet5(rng);
  save_weights(lenet5, folder + "/weights.h5");
  save_checkpoint(folder + "/own.h5", {.model = &lenet5,
                                       .epoch = 2,
                                       .step = 7,
                                       .rng = &rng,
                                       .metadata = {{"note", "a run of my own"}, {"rate", 0.5}}});
  save_checkpoint(folder + "/unknown.h5", {.model = &lenet5, .metadata = {{"tenon.model", "vgg"}}});
  save_checkpoint(folder + "/other.h5", {.model = &lenet5, .metadata = {{"tenon.model", "mlp"}}});

  // A run of a Trainer that says nothing of itself.
  const Tensor images = Tensor::uniform({4, 1, 28, 28}, rng);
  const data::TensorDataset digits(images, Tensor::arange(4));
  optim::SGD sgd(lenet5.parameters(), {.learning_rate = 0.1});
  Trainer trainer(lenet5, losses::CrossEntropy(), sgd, {.epochs = 2, .quiet = true});
  trainer.fit(data::Loader(digits, {.batch_size = 2}));
  trainer.save(folder + "/trained.h5");

  // One whose weights are averaged, and the average alone.
  Trainer averaging(
      lenet5, losses::CrossEntropy(), sgd,
      {.epochs = 2, .average_decay = 0.9, .metadata = {{"tenon.model", "lenet5"}}, .quiet = true});
  averaging.fit(data::Loader(digits, {.batch_size = 2}));
  averaging.save(folder + "/averaging.h5");
  averaging.apply_average();
  save_weights(lenet5, folder + "/average.h5");
}
