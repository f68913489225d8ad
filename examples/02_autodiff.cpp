// Automatic differentiation in two minutes: gradients, second derivatives, a fit by gradient
// descent.
#include <tenon/tenon.h>

#include <cmath>
#include <cstdio>

using namespace tenon;

int surprises = 0;

/// Prints a number beside the one that mathematics promises.
void show(const char* what, double got, double promised) {
  const bool ok = std::abs(got - promised) <= 1e-4 * (1 + std::abs(promised));
  std::printf("  %-44s %10.5f   (promised: %.5f)%s\n", what, got, promised, ok ? "" : "   DIFFERS");
  surprises += !ok;
}

int main() {
  std::puts("--- backward() leaves in every leaf's grad() the derivative of a scalar");
  Tensor x = Tensor::from({1.0f, 2.0f, 3.0f}, {3}).set_requires_grad();
  Tensor y =
      sum(x * x * x);  // every operation is recorded as it runs: any C++ control flow will do
  y.backward();
  show("d sum(x^3) / dx at 1 = 3 x^2", x.grad()[0].item<double>(), 3);
  show("at 3", x.grad()[2].item<double>(), 27);

  std::puts("\n--- gradients add up until zero_grad() drops them");
  sum(x).backward();
  show("the same + d sum(x) / dx at 3", x.grad()[2].item<double>(), 28);
  x.zero_grad();
  std::printf("  after zero_grad(), x.grad().defined() is %s\n",
              x.grad().defined() ? "true" : "false");

  std::puts(
      "\n--- gradients() returns them instead, and with create_graph they can be differentiated "
      "again");
  const Tensor first = gradients(sum(x * x * x), {x}, {.create_graph = true})[0];
  const Tensor second = gradients(sum(first), {x}, {.create_graph = true})[0];
  const Tensor third = gradients(sum(second), {x})[0];
  show("second derivative at 3 = 6 x", second[2].item<double>(), 18);
  show("third derivative at 3 = 6", third[2].item<double>(), 6);

  std::puts("\n--- NoGradGuard: nothing is recorded; detach(): the same values without history");
  {
    const NoGradGuard no_grad;
    std::printf("  (x * x).requires_grad() under a NoGradGuard is %s\n",
                (x * x).requires_grad() ? "true" : "false");
  }
  x.zero_grad();
  sum(x * x.detach()).backward();  // the second factor counts as a constant
  show("d sum(x * constant) / dx at 2 = constant", x.grad()[1].item<double>(), 2);

  std::puts("\n--- a fit: y = 2 a - 3 b + 0.5 of 200 noisy points, by gradient descent");
  Rng rng(1);
  const Tensor points = Tensor::normal({200, 2}, rng);
  const Tensor truth = Tensor::from({2.0f, -3.0f}, {2, 1});
  const Tensor targets = matmul(points, truth) + 0.5 + 0.001 * Tensor::normal({200, 1}, rng);
  Tensor weight = Tensor::zeros({2, 1}).set_requires_grad();
  Tensor bias = Tensor::zeros({1}).set_requires_grad();
  for (int step = 0; step <= 100; ++step) {
    const Tensor loss = mean(square(matmul(points, weight) + bias - targets));
    if (step % 25 == 0) std::printf("  step %3d  loss %.6f\n", step, loss.item<double>());
    loss.backward();
    const NoGradGuard no_grad;  // parameters change in place, unrecorded
    for (Tensor* parameter : {&weight, &bias}) {
      parameter->copy_from(*parameter - 0.05 * parameter->grad());
      parameter->zero_grad();
    }
  }
  const auto near = [](double value) {
    return std::round(value * 100) / 100;
  };  // the noise is 0.001
  show("a's factor, to two digits", near(weight[0][0].item<double>()), 2);
  show("b's factor", near(weight[1][0].item<double>()), -3);
  show("the constant", near(bias.item<double>()), 0.5);

  std::puts("\n--- every rule can be checked against differences of the function itself");
  const GradientReport report = check_second_gradients(
      [](const std::vector<Tensor>& in) { return tanh(matmul(in[0], in[1])); },
      {Tensor::normal({2, 3}, rng, {.dtype = Dtype::f64}),
       Tensor::normal({3, 2}, rng, {.dtype = Dtype::f64})});
  std::printf("  second derivatives of tanh(matmul(a, b)): %s\n",
              report.ok ? "ok" : report.message.c_str());
  surprises += !report.ok;

  std::puts(surprises == 0 ? "\nall results are as promised"
                           : "\nsome results are not as promised");
  return surprises;
}
