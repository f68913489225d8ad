#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../support/golden.h"
#include "tenon/optim/optim.h"

namespace tenon {
namespace {

constexpr int kSteps = 10;

/// The case's parameter x after steps with its gradients g0 to g9.
template <class Optimizer, class Options>
void check(Golden& golden, const std::string& name, Options options) {
  std::vector<std::string> inputs{"x"};
  for (int t = 0; t < kSteps; ++t) inputs.push_back("g" + std::to_string(t));
  golden.check(name, inputs, [&](const Golden::Inputs& in) {
    Tensor x = in[0].clone().set_requires_grad();
    Optimizer optimizer({{"x", x}}, options);
    for (std::size_t t = 0; t < kSteps; ++t) {
      optimizer.zero_grad();
      if (t == 4) optimizer.step();
      x.set_grad(in[1 + t]);
      optimizer.step();
    }
    return x.detach();
  });
}

TEST(GoldenOptimizers, TakeTheSameSteps) {
  using optim::Adagrad, optim::AdagradOptions, optim::NAdam, optim::NAdamOptions;
  using optim::Lion, optim::LionOptions;
  using optim::SGD, optim::Adam, optim::AdamW, optim::RMSprop;
  using optim::SGDOptions, optim::AdamOptions, optim::AdamWOptions, optim::RMSpropOptions;
  const double rate = 0.1;
  Golden golden("optimizers");
  check<SGD>(golden, "sgd", SGDOptions{.learning_rate = rate});
  check<SGD>(golden, "sgd_decay", SGDOptions{.learning_rate = rate, .weight_decay = 0.3});
  check<SGD>(golden, "sgd_momentum", SGDOptions{.learning_rate = rate, .momentum = 0.9});
  check<SGD>(
      golden, "sgd_dampening",
      SGDOptions{.learning_rate = rate, .momentum = 0.8, .dampening = 0.3, .weight_decay = 0.1});
  check<SGD>(
      golden, "sgd_nesterov",
      SGDOptions{.learning_rate = rate, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true});
  check<Adam>(golden, "adam", AdamOptions{.learning_rate = rate});
  check<Adam>(
      golden, "adam_options",
      AdamOptions{
          .learning_rate = rate, .beta1 = 0.5, .beta2 = 0.6, .epsilon = 0.1, .weight_decay = 0.2});
  check<Adam>(golden, "adam_amsgrad",
              AdamOptions{.learning_rate = rate, .beta2 = 0.5, .amsgrad = true});
  check<AdamW>(golden, "adamw", AdamWOptions{.learning_rate = rate});
  check<AdamW>(golden, "adamw_options",
               AdamWOptions{.learning_rate = rate,
                            .beta1 = 0.5,
                            .beta2 = 0.6,
                            .epsilon = 1e-3,
                            .weight_decay = 0.5,
                            .amsgrad = true});
  check<RMSprop>(golden, "rmsprop", RMSpropOptions{.learning_rate = rate});
  check<RMSprop>(
      golden, "rmsprop_momentum",
      RMSpropOptions{.learning_rate = rate, .alpha = 0.8, .weight_decay = 0.1, .momentum = 0.6});
  check<RMSprop>(
      golden, "rmsprop_centered",
      RMSpropOptions{
          .learning_rate = rate, .alpha = 0.8, .epsilon = 0.01, .momentum = 0.5, .centered = true});
  check<Adagrad>(golden, "adagrad", AdagradOptions{});
  check<Adagrad>(golden, "adagrad_options",
                 AdagradOptions{.learning_rate = rate,
                                .lr_decay = 0.2,
                                .weight_decay = 0.3,
                                .initial_accumulator_value = 0.4,
                                .epsilon = 0.01});
  check<NAdam>(golden, "nadam", NAdamOptions{});
  check<NAdam>(golden, "nadam_options",
               NAdamOptions{.learning_rate = rate,
                            .beta1 = 0.5,
                            .beta2 = 0.6,
                            .epsilon = 0.1,
                            .weight_decay = 0.2,
                            .momentum_decay = 0.3});
  check<NAdam>(
      golden, "nadam_decoupled",
      NAdamOptions{.learning_rate = rate, .weight_decay = 0.5, .decoupled_weight_decay = true});
  check<Lion>(golden, "lion", LionOptions{});
  check<Lion>(golden, "lion_options",
              LionOptions{.learning_rate = rate, .beta1 = 0.6, .beta2 = 0.8, .weight_decay = 0.3});
}

}  // namespace
}  // namespace tenon
