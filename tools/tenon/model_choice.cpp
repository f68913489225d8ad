#include "tools/tenon/model_choice.h"

#include <models/lenet5.h>
#include <models/mlp.h>

namespace tenon::cli {

const std::vector<ModelChoice>& model_choices() {
  static const std::vector<ModelChoice> choices{
      {.name = "lenet5",
       .make = [](Rng& rng) -> std::unique_ptr<nn::Module> {
         return std::make_unique<models::LeNet5>(rng);
       },
       .input_shape = {1, 1, 28, 28},
       .num_classes = 10,
       .paper = "LeCun, Bottou, Bengio and Haffner 1998"},
      {.name = "mlp",
       .make = [](Rng& rng) -> std::unique_ptr<nn::Module> {
         return std::make_unique<models::Mlp>(std::vector<std::int64_t>{784, 512, 512, 10}, rng);
       },
       .input_shape = {1, 1, 28, 28},
       .num_classes = 10,
       .paper = "Rumelhart, Hinton and Williams 1986; 784-512-512-10"},
  };
  return choices;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const ModelChoice& choice : model_choices()) names.emplace_back(choice.name);
  return names;
}

const ModelChoice* find_model(const std::string& name) {
  for (const ModelChoice& choice : model_choices())
    if (name == choice.name) return &choice;
  return nullptr;
}

}  // namespace tenon::cli
