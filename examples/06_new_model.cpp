// A model of your own: name the layers, say how data flows. Two classes of points on two spirals.
#include <tenon/tenon.h>

#include <cmath>
#include <cstdio>

using namespace tenon;

// [model]
class SpiralNet : public nn::Module {
 public:
  explicit SpiralNet(Rng& rng)
      : hidden1_(child<nn::Linear>("hidden1", 2, 32, rng)),
        hidden2_(child<nn::Linear>("hidden2", 32, 32, rng)),
        score_(child<nn::Linear>("score", 32, 2, rng)) {}

  Tensor forward(const Tensor& x) override {
    const Tensor h = tanh(hidden1_(x));
    return score_(tanh(hidden2_(h)) + h);  // a skip connection
  }

 private:
  nn::Linear& hidden1_;
  nn::Linear& hidden2_;
  nn::Linear& score_;
};
// [model]

int main() try {
  std::vector<float> points;
  std::vector<int64_t> classes;
  for (int i = 0; i < 400; ++i) {
    const double t = 0.5 + 3.0 * i / 400, side = i % 2 == 0 ? 1 : -1;
    points.push_back(static_cast<float>(side * t * std::cos(2 * t)));
    points.push_back(static_cast<float>(side * t * std::sin(2 * t)));
    classes.push_back(i % 2);
  }
  const Tensor x = Tensor::from(points, {400, 2}), y = Tensor::from(classes, {400});
  const data::TensorDataset spirals(x, y);

  // [training]
  Rng rng(1);
  SpiralNet model(rng);
  optim::Adam optimizer(model.parameters(), {.learning_rate = 1e-2});
  const data::Loader loader(spirals, {.batch_size = 50, .shuffle = true, .seed = 1});
  for (int epoch = 0; epoch < 60; ++epoch)
    for (const data::Batch& batch : loader.epoch(epoch)) {
      optimizer.zero_grad();
      cross_entropy(model(batch.inputs), batch.targets).backward();
      optimizer.step();
    }
  // [training]

  std::printf("%s\n", summary(model, {1, 2}).c_str());
  const NoGradGuard no_grad;
  const double right = mean(equal(argmax(model(x), 1), y).to(Dtype::f32)).item<double>();
  std::printf("%.1f %% of the points are on the right spiral\n", 100 * right);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
