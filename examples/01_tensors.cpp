// Tensors in two minutes: making them, calculating, shapes and views, picking elements, errors.
#include <tenon/tenon.h>

#include <cstdio>

using namespace tenon;

int surprises = 0;

/// Prints a line of code and its result, and compares it with what this example promises.
void show(const char* code, const Tensor& result, const Tensor& promised) {
  std::printf("%s\n%s\n\n", code, to_string(result).c_str());
  if (result.shape() == promised.shape() && all_close(result, promised)) return;
  std::printf("  but this example promises\n%s\n\n", to_string(promised).c_str());
  ++surprises;
}

int main() {
  std::puts(
      "--- making tensors: f32 of floating literals, i64 of integers, unless a dtype is named\n");
  const Tensor x = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {2, 3});
  show("x = Tensor::from({1.0f, ..., 6.0f}, {2, 3})", x, reshape(Tensor::arange(1.0, 7.0), {2, 3}));
  show("Tensor::full({2, 2}, 0.5, {.dtype = Dtype::f64})",
       Tensor::full({2, 2}, 0.5, {.dtype = Dtype::f64}),
       Tensor::from({0.5, 0.5, 0.5, 0.5}, {2, 2}));
  show("Tensor::arange(5)", Tensor::arange(5), Tensor::from({0, 1, 2, 3, 4}, {5}));
  Rng rng(1);  // random numbers come from a stream that you own: the same seed gives the same
               // numbers, always
  Rng again(1);
  show("Tensor::normal({2, 2}, rng)", Tensor::normal({2, 2}, rng), Tensor::normal({2, 2}, again));

  std::puts("--- calculating: element by element, shapes broadcast as in NumPy\n");
  show("2.0 * x + 1.0", 2.0 * x + 1.0, Tensor::from({3, 5, 7, 9, 11, 13}, {2, 3}));
  show("x + Tensor::from({10, 20, 30}, {3})", x + Tensor::from({10, 20, 30}, {3}),
       Tensor::from({11, 22, 33, 14, 25, 36}, {2, 3}));
  show("sum(x, {0})", sum(x, {0}), Tensor::from({5, 7, 9}, {3}));
  show("matmul(x, transpose(x, 0, 1))", matmul(x, transpose(x, 0, 1)),
       Tensor::from({14, 32, 32, 77}, {2, 2}));

  std::puts("--- shapes: views share memory with the tensor they show\n");
  show("reshape(x, {3, -1})", reshape(x, {3, -1}), Tensor::from({1, 2, 3, 4, 5, 6}, {3, 2}));
  show("x[1]", x[1], Tensor::from({4, 5, 6}, {3}));
  show("slice(x, 1, {.start = 0, .stop = -1})", slice(x, 1, {.start = 0, .stop = -1}),
       Tensor::from({1, 2, 4, 5}, {2, 2}));
  Tensor memory = Tensor::zeros({2, 2});
  Tensor row = memory[0];
  row.fill(7);
  show("memory = zeros({2, 2}); row = memory[0]; row.fill(7); memory", memory,
       Tensor::from({7, 7, 0, 0}, {2, 2}));
  show("concat({x, unsqueeze(x[0], 0)})", concat({x, unsqueeze(x[0], 0)}),
       Tensor::from({1, 2, 3, 4, 5, 6, 1, 2, 3}, {3, 3}));

  std::puts("--- picking and comparing\n");
  show("greater(x, 3.5)", greater(x, 3.5),
       Tensor::from({false, false, false, true, true, true}, {2, 3}));
  show("masked_fill(x, greater(x, 3.5), 0)", masked_fill(x, greater(x, 3.5), 0),
       Tensor::from({1, 2, 3, 0, 0, 0}, {2, 3}));
  show("argmax(x, 1)", argmax(x, 1), Tensor::from({2, 2}, {2}));
  show("one_hot(argmax(x, 1), 3)", one_hot(argmax(x, 1), 3),
       Tensor::from({0, 0, 1, 0, 0, 1}, {2, 3}));

  std::puts("--- reading out: item<T>() for one number, to_vector<T>() for all of them\n");
  std::printf("mean(x).item<double>() is %g, x.to_vector<int>() starts with %d\n\n",
              mean(x).item<double>(), x.to_vector<std::int32_t>()[0]);

  std::puts("--- mistakes are explained\n");
  try {
    matmul(x, x);
  } catch (const Error& error) {
    std::printf("matmul(x, x)\n%s\n\n", error.what());
  }
  std::puts(surprises == 0 ? "all results are as promised" : "some results are not as promised");
  return surprises;
}
