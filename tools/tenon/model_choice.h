#pragma once

#include <tenon/nn/module.h>

#include <memory>
#include <string>
#include <vector>

namespace tenon::cli {

/// A model that the program knows by name.
struct ModelChoice {
  const char* name;
  std::unique_ptr<nn::Module> (*make)(Rng& rng);
  Shape input_shape;  ///< of one image: [1, C, H, W]
  std::int64_t num_classes;
  const char* paper;
};

const std::vector<ModelChoice>& model_choices();
std::vector<std::string> model_names();
/// Null for an unknown name.
const ModelChoice* find_model(const std::string& name);

}  // namespace tenon::cli
