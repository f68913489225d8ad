#pragma once

#include <tenon/io/metadata.h>

#include <map>
#include <memory>
#include <string>

#include "tools/tenon/model_choice.h"

namespace CLI {
class App;
}

namespace tenon::cli {

using Metadata = std::map<std::string, MetadataValue>;

/// A model made again from a file.
struct ModelFile {
  const ModelChoice* choice;
  std::unique_ptr<nn::Module> model;  ///< in evaluation mode
  Metadata metadata;                  ///< empty for a file of weights alone
};

/// Of a checkpoint (with the moving average of its weights, if it has one) or a file of weights.
/// `name` is the model's; if it is empty, the file's metadata has it. Throws CheckpointError, and
/// an Error for a file that does not name its model.
ModelFile load_model_file(const std::string& path, const std::string& name);

/// The option --model, for files that do not name theirs.
void add_model_option(CLI::App& command, std::string& name);

/// The text of some metadata; empty where there is none of that name.
std::string find_text(const Metadata& metadata, const std::string& name);

}  // namespace tenon::cli
