#include "tenon/io/weights.h"

#include <fmt/format.h>

#include "tenon/core/fault_internal.h"
#include "tenon/io/model_file_internal.h"

namespace tenon {

void save_weights(const nn::Module& model, const std::string& path, Where where) {
  hdf5::Tree tree = new_tree(kWeightsFormat);
  add_model(tree, model);
  write_tree("save_weights", path, tree, where);
}

void load_weights(nn::Module& model, const std::string& path, Where where) {
  const hdf5::Tree tree = read_tree("load_weights", path, {"model"}, where);
  if (tree.groups.count("model") == 0)
    Fault("load_weights", where)
        .raise<CheckpointError>(fmt::format("{} is a checkpoint without a model", path));
  Differences differences;
  compare_model(tree, model, differences);
  check_fit("load_weights", path, differences, where);
  load_model(tree, model);
}

}  // namespace tenon
