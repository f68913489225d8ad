#include <models/lenet5.h>
#include <tenon/tenon.h>

#include <cmath>
#include <cstdio>

using namespace tenon;

// One training step: it goes through the library, the models, oneDNN and TBB.
int main() {
  Rng rng(1);
  models::LeNet5 model(rng);
  optim::Adam optimizer(model.parameters(), {.learning_rate = 1e-3});
  const Tensor images = Tensor::normal({8, 1, 28, 28}, rng);
  const Tensor labels = Tensor::from({0, 1, 2, 3, 4, 5, 6, 7}, {8}, Dtype::i64);
  const Tensor loss = cross_entropy(model(images), labels);
  loss.backward();
  optimizer.step();
  const float value = loss.item<float>();
  std::printf("loss %g\n", static_cast<double>(value));
  return std::isfinite(value) ? 0 : 1;
}
