#include "tenon/io/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/io/model_file_internal.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon {
namespace {

constexpr std::string_view kSlots = "optimizer/slots/";    // of parameters: "conv1/weight/momentum"
constexpr std::string_view kValues = "optimizer/values/";  // of the optimizer itself: "step"
constexpr std::string_view kState = "state/";
constexpr const char* kRng = "rng";

/// A name that is one part of a path. Throws hdf5::Failure.
std::string checked_part(const std::string& name) {
  if (name.empty() || name == "." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    throw hdf5::Failure(fmt::format("\"{}\" cannot be a name in a file", name));
  return name;
}

/// A name whose parts are joined by slashes. Throws hdf5::Failure.
std::string checked_path(const std::string& name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    checked_part(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return name;
}

void add_optimizer(hdf5::Tree& tree, const optim::Optimizer& optimizer) {
  tree.groups["optimizer"];
  for (const auto& [key, tensor] : optimizer.state()) {
    const std::size_t slash = key.rfind('/');
    if (slash == std::string::npos)
      tree.tensors[std::string(kValues) + checked_part(key)] = tensor;
    else
      tree.tensors[fmt::format("{}{}/{}", kSlots, path_of(std::string_view(key).substr(0, slash)),
                               checked_part(key.substr(slash + 1)))] = tensor;
  }
}

std::map<std::string, Tensor> optimizer_state(const hdf5::Tree& tree) {
  std::map<std::string, Tensor> state;
  for (const auto& [path, tensor] : tree.tensors) {
    const std::string_view view = path;
    if (view.starts_with(kValues)) state[path.substr(kValues.size())] = tensor;
    if (!view.starts_with(kSlots)) continue;
    const std::string_view key = view.substr(kSlots.size());
    const std::size_t slash = key.rfind('/');
    if (slash != std::string_view::npos)
      state[fmt::format("{}/{}", name_of(key.substr(0, slash)), key.substr(slash + 1))] = tensor;
  }
  return state;
}

std::string random_path(const std::string& name) { return "random/" + name; }

void add_rng(hdf5::Tree& tree, const std::string& name, const Rng* rng) {
  if (rng == nullptr) throw hdf5::Failure(fmt::format("the random stream {} is null", name));
  const auto [place, added] = tree.groups.insert(
      {random_path(checked_part(name)), {{"key", rng->key()}, {"position", rng->position()}}});
  if (!added) throw hdf5::Failure(fmt::format("two random streams are named {}", name));
}

void add_metadata(hdf5::Tree& tree, const std::map<std::string, MetadataValue>& metadata) {
  hdf5::Attributes& attributes = tree.groups["metadata"];
  for (const auto& [name, value] : metadata) {
    if (name.empty() || name.find('\0') != std::string::npos)
      throw hdf5::Failure("a name of metadata is empty or has a zero byte");
    if (value.is_integer())
      attributes[name] = value.integer();
    else if (!value.is_text())
      attributes[name] = value.number();
    else if (value.text().find('\0') == std::string::npos)
      attributes[name] = value.text();
    else
      throw hdf5::Failure(fmt::format("the text of metadata {} has a zero byte", name));
  }
}

hdf5::Tree tree_of(const CheckpointContents& contents) {
  hdf5::Tree tree = new_tree(kCheckpointFormat);
  tree.groups[""]["epoch"] = contents.epoch;
  tree.groups[""]["step"] = contents.step;
  if (contents.model != nullptr) add_model(tree, *contents.model);
  if (contents.optimizer != nullptr) add_optimizer(tree, *contents.optimizer);
  if (contents.rng != nullptr) add_rng(tree, kRng, contents.rng);
  for (const auto& [name, rng] : contents.rngs) add_rng(tree, name, rng);
  if (!contents.metadata.empty()) add_metadata(tree, contents.metadata);
  for (const auto& [name, tensor] : contents.state)
    tree.tensors[std::string(kState) + checked_path(name)] = tensor;
  return tree;
}

template <class T>
const T* find_attribute(const hdf5::Tree& tree, const std::string& group, const std::string& name) {
  const auto attributes = tree.groups.find(group);
  if (attributes == tree.groups.end()) return nullptr;
  const auto attribute = attributes->second.find(name);
  return attribute == attributes->second.end() ? nullptr : std::get_if<T>(&attribute->second);
}

/// Rngs to be set when all else is known to fit.
using NewRngs = std::vector<std::pair<Rng*, Rng>>;

void find_rng(const hdf5::Tree& tree, const std::string& name, Rng* target, NewRngs& found,
              Differences& differences) {
  if (target == nullptr) return;
  const auto* key = find_attribute<std::uint64_t>(tree, random_path(name), "key");
  const auto* position = find_attribute<std::uint64_t>(tree, random_path(name), "position");
  if (key == nullptr || position == nullptr)
    differences.add_missing("random stream " + name);
  else
    found.emplace_back(target, Rng(*key, *position));
}

CheckpointInfo info_of(const char* operation, const std::string& path, const hdf5::Tree& tree,
                       Where where) {
  const auto* epoch = find_attribute<std::int64_t>(tree, "", "epoch");
  const auto* step = find_attribute<std::int64_t>(tree, "", "step");
  const auto* version = find_attribute<std::string>(tree, "", "library_version");
  if (epoch == nullptr || step == nullptr || version == nullptr)
    Fault(operation, where)
        .raise<CheckpointError>(
            fmt::format("{} lacks the attributes epoch, step or library_version", path));
  CheckpointInfo info{*epoch, *step, *version, {}, {}};
  for (const auto& [name, tensor] : tree.tensors)
    if (name.starts_with(kState))  // of its own, not of the whole file
      info.state[name.substr(kState.size())] = tensor.clone();
  if (const auto metadata = tree.groups.find("metadata"); metadata != tree.groups.end()) {
    for (const auto& [name, value] : metadata->second) {
      if (const auto* text = std::get_if<std::string>(&value)) info.metadata.insert({name, *text});
      if (const auto* integer = std::get_if<std::int64_t>(&value))
        info.metadata.insert({name, *integer});
      if (const auto* real = std::get_if<double>(&value)) info.metadata.insert({name, *real});
    }
  }
  return info;
}

}  // namespace

void save_checkpoint(const std::string& path, const CheckpointContents& contents, Where where) {
  hdf5::Tree tree;
  try {
    tree = tree_of(contents);
  } catch (const hdf5::Failure& failure) {
    Fault("save_checkpoint", where)
        .raise<CheckpointError>(fmt::format("cannot write {}: {}", path, failure.what()));
  }
  write_tree("save_checkpoint", path, tree, where);
}

CheckpointInfo load_checkpoint(const std::string& path, const CheckpointTargets& targets,
                               Where where) {
  constexpr const char* kName = "load_checkpoint";
  std::vector<std::string> groups{"random", "metadata", "state"};
  if (targets.model != nullptr) groups.emplace_back("model");
  if (targets.optimizer != nullptr) groups.emplace_back("optimizer");
  const hdf5::Tree tree = read_tree(kName, path, groups, where);
  if (format_of(tree) != kCheckpointFormat)
    Fault(kName, where)
        .fix("Read it with load_weights.")
        .raise<CheckpointError>(fmt::format("{} holds weights alone and is no checkpoint", path));
  CheckpointInfo info = info_of(kName, path, tree, where);

  Differences differences;
  NewRngs rngs;
  optim::OptimizerAccess::Loaded optimizer;
  if (targets.model != nullptr) compare_model(tree, *targets.model, differences);
  if (targets.optimizer != nullptr)
    optimizer =
        optim::OptimizerAccess::read_state(*targets.optimizer, optimizer_state(tree), differences);
  find_rng(tree, kRng, targets.rng, rngs, differences);
  for (const auto& [name, rng] : targets.rngs) find_rng(tree, name, rng, rngs, differences);
  check_fit(kName, path, differences, where);
  if (targets.take_state != nullptr) (*targets.take_state)(info);

  if (targets.optimizer != nullptr)
    optim::OptimizerAccess::use(*targets.optimizer, std::move(optimizer));
  if (targets.model != nullptr) load_model(tree, *targets.model);
  for (const auto& [target, rng] : rngs) *target = rng;
  return info;
}

}  // namespace tenon
