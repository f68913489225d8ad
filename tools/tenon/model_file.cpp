#include "tools/tenon/model_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tenon/autograd/grad_mode.h>
#include <tenon/core/error.h>
#include <tenon/io/checkpoint.h>
#include <tenon/io/weights.h>

#include <CLI/CLI.hpp>

#include "tenon/io/model_file_internal.h"

namespace tenon::cli {

std::string find_text(const Metadata& metadata, const std::string& name) {
  const auto found = metadata.find(name);
  return found != metadata.end() && found->second.is_text() ? found->second.text() : "";
}

namespace {

/// Validation used the moving average of the weights where there is one.
void use_average(const nn::Module& model, const std::map<std::string, Tensor>& state) {
  const NoGradGuard no_grad;
  for (auto [name, parameter] : model.parameters())
    if (const auto average = state.find("average/" + name); average != state.end())
      parameter.copy_from(average->second);
}

}  // namespace

void add_model_option(CLI::App& command, std::string& name) {
  command.add_option("--model", name, "which model a file of weights holds [what the file says]")
      ->check(CLI::IsMember(model_names()))
      ->type_name("");
}

ModelFile load_model_file(const std::string& path, const std::string& name) {
  ModelFile file{};
  const bool is_checkpoint =
      format_of(read_tree("load_weights", path, {}, Where::current())) == kCheckpointFormat;
  const CheckpointInfo info = is_checkpoint ? load_checkpoint(path) : CheckpointInfo{};
  file.metadata = info.metadata;
  const std::string wanted = name.empty() ? find_text(file.metadata, "tenon.model") : name;
  if (wanted.empty())
    throw Error(
        fmt::format("{} does not say which model it holds. Name it with --model, one of: {}", path,
                    fmt::join(model_names(), ", ")));
  file.choice = find_model(wanted);
  if (file.choice == nullptr)
    throw Error(fmt::format("{} holds the model {}, which this version of tenon does not know",
                            path, wanted));
  Rng rng(0);  // the weights are replaced
  file.model = file.choice->make(rng);
  load_weights(*file.model, path);
  use_average(*file.model, info.state);
  file.model->set_training(false);
  return file;
}

}  // namespace tenon::cli
