// An optimizer of your own is two functions: which tensors it keeps for a parameter, and how it
// changes one. Here: Adagrad (Duchi, Hazan and Singer 2011), fitting a plane through noisy points.
#include <tenon/tenon.h>

#include <cstdio>

using namespace tenon;

// [optimizer]
class Adagrad : public optim::Optimizer {
 public:
  Adagrad(const ParameterList& parameters, double learning_rate)
      : Optimizer(parameters, learning_rate) {}

 protected:
  void init(const Tensor& parameter, optim::Slots& slots) override {
    slots["sum"] = zeros_like(parameter);
  }

  void update(Tensor& parameter, const Tensor& gradient, optim::Slots& slots,
              double learning_rate) override {
    Tensor& sum = slots["sum"];
    sum.copy_from(sum + square(gradient));
    parameter.copy_from(parameter - learning_rate * gradient / (sqrt(sum) + 1e-10));
  }
};
// [optimizer]

int main() try {
  Rng rng(1);
  const Tensor x = Tensor::normal({256, 2}, rng);
  const Tensor noise = Tensor::normal({256, 1}, rng, {.stddev = 0.1});
  const Tensor y = matmul(x, Tensor::from({2.0f, -3.0f}, {2, 1})) + 0.5 + noise;

  nn::Linear model(2, 1, rng);
  Adagrad optimizer(model.parameters(), 0.5);
  for (int step = 0; step <= 300; ++step) {
    optimizer.zero_grad();
    const Tensor loss = mse_loss(model(x), y);
    loss.backward();
    optimizer.step();
    if (step % 100 == 0) std::printf("step %3d  loss %.5f\n", step, loss.item<double>());
  }
  std::printf("weight %s  (the points were made with 2, -3)\n", to_string(model.weight()).c_str());
  std::printf("bias   %s  (0.5)\n", to_string(model.bias()).c_str());

  // Its state is keyed by parameter and slot, and goes into checkpoints like that of any other.
  for (const auto& [name, tensor] : optimizer.state())
    std::printf("state  %-18s %s\n", name.c_str(), to_string(tensor.shape()).c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
