// A training loop written by hand: two epochs of LeNet-5 on MNIST, then weights saved, loaded and
// compared. usage: 03_lenet5_by_hand [folder of the IDX files]
#include <models/lenet5.h>
#include <tenon/tenon.h>

#include <cstdio>

using namespace tenon;

double accuracy(nn::Module& model, const data::Dataset& dataset) {
  const NoGradGuard no_grad;
  model.set_training(false);
  int64_t right = 0;
  for (const data::Batch& batch : data::Loader(dataset, {.batch_size = 1000}).epoch(0))
    right += sum(equal(argmax(model(batch.inputs), 1), batch.targets)).item<int64_t>();
  model.set_training(true);
  return static_cast<double>(right) / static_cast<double>(dataset.size());
}

int main(int argc, char** argv) try {
  const char* folder = argc > 1 ? argv[1] : TENON_DEFAULT_DATA;
  const data::ImageDataset train = data::load_mnist(folder, data::Split::train);
  const data::ImageDataset test = data::load_mnist(folder, data::Split::test);

  Rng rng(1);
  models::LeNet5 model(rng);
  std::printf("%s\n", summary(model, {1, 1, 28, 28}).c_str());

  optim::Adam optimizer(model.parameters(), {.learning_rate = 2e-3});
  const data::Loader loader(train, {.batch_size = 64, .shuffle = true, .seed = 1});
  for (int epoch = 0; epoch < 2; ++epoch) {
    double loss_sum = 0;
    for (const data::Batch& batch : loader.epoch(epoch)) {
      optimizer.zero_grad();
      const Tensor loss = cross_entropy(model(batch.inputs), batch.targets);
      loss.backward();
      optimizer.step();
      loss_sum += loss.item<double>();
    }
    std::printf("epoch %d: mean loss %.4f, test accuracy %.2f %%\n", epoch + 1,
                loss_sum / static_cast<double>(loader.size()), 100 * accuracy(model, test));
  }

  save_weights(model, "lenet5_by_hand.h5");
  Rng other(2);
  models::LeNet5 restored(other);
  load_weights(restored, "lenet5_by_hand.h5");
  std::printf("restored from lenet5_by_hand.h5: %.2f %%\n", 100 * accuracy(restored, test));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
