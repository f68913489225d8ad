// An operation of your own with its gradient: hypotenuse(a, b) = sqrt(a^2 + b^2). It is recorded
// like a built-in one, checked to second order, and then finds where a phone is from its distances
// to three masts.
#include <tenon/tenon.h>

#include <cstdio>

using namespace tenon;

// [operation]
/// y = sqrt(a^2 + b^2), element by element.   a, b: one shape, f32 or f64.   da = dy a / y,
/// db = dy b / y
Tensor hypotenuse(const Tensor& a, const Tensor& b, Where where = Where::current()) {
  if (a.shape() != b.shape())
    throw ShapeError("hypotenuse: a " + to_string(a.shape()) + " and b " + to_string(b.shape()) +
                     " must have one shape.");
  Tensor y;
  {
    const NoGradGuard no_grad;  // one operation, however many it takes to compute it
    y = sqrt(square(a) + square(b));
  }
  return record(
      "hypotenuse", {a, b}, y,
      [a = Saved(a), b = Saved(b), y = Saved::output(y)](const Tensor& dy,
                                                         const Needs& needs) -> Gradients {
        Gradients gradients = Gradients::undefined(2);
        const Tensor share = dy / y.get();
        if (needs[0]) gradients[0] = share * a.get();
        if (needs[1]) gradients[1] = share * b.get();
        return gradients;
      },
      where);
}
// [operation]

/// The same with a mistake that people make: the gradient forgets dy.
Tensor careless(const Tensor& a) {
  Tensor y;
  {
    const NoGradGuard no_grad;
    y = square(a);
  }
  return record("careless", {a}, y, [a = Saved(a)](const Tensor&, const Needs&) -> Gradients {
    return {2.0 * a.get()};
  });
}

bool check(Rng& rng) {
  // [check]
  const Tensor a = Tensor::normal({3, 4}, rng, {.dtype = Dtype::f64});
  const Tensor b = Tensor::normal({3, 4}, rng, {.dtype = Dtype::f64});
  const auto function = [](const std::vector<Tensor>& in) { return hypotenuse(in[0], in[1]); };
  const GradientReport first = check_gradients(function, {a, b});
  const GradientReport second = check_second_gradients(function, {a, b});
  // [check]
  std::printf("first derivatives:  %s\n", first.ok ? "ok" : first.message.c_str());
  std::printf("second derivatives: %s\n", second.ok ? "ok" : second.message.c_str());
  const GradientReport wrong =
      check_gradients([](const std::vector<Tensor>& in) { return careless(in[0]); }, {a});
  std::printf("a careless gradient is %s\n", wrong.ok ? "NOT FOUND" : "found:");
  if (!wrong.ok) std::printf("  %s\n", wrong.message.c_str());
  return first.ok && second.ok && !wrong.ok;
}

int main() try {
  Rng rng(4);
  const bool ok = check(rng);

  const Tensor mast_x = Tensor::from({0.0f, 10.0f, 4.0f}, {3});
  const Tensor mast_y = Tensor::from({0.0f, 1.0f, 9.0f}, {3});
  const Tensor measured = hypotenuse(3.0 - mast_x, 2.0 - mast_y);  // the phone is at (3, 2)
  Tensor phone = Tensor::from({6.0f, 6.0f}, {2}).set_requires_grad();
  double last_loss = 0;
  for (int step = 0; step <= 60; ++step) {
    const Tensor distance = hypotenuse(phone[0] - mast_x, phone[1] - mast_y);
    const Tensor loss = sum(square(distance - measured));
    if (step % 20 == 0)
      std::printf("step %2d  x %.4f  y %.4f  loss %.6f\n", step, phone[0].item<double>(),
                  phone[1].item<double>(), loss.item<double>());
    last_loss = loss.item<double>();
    const Tensor gradient = gradients(loss, {phone})[0];
    const NoGradGuard no_grad;
    phone.copy_from(phone - 0.2 * gradient);
  }
  return ok && last_loss < 1e-6 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
