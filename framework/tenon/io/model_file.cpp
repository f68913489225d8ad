#include <fmt/format.h>

#include <algorithm>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/atomic_file_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/io/model_file_internal.h"

namespace tenon {
namespace {

constexpr const char* kLibraryVersion = "0.1.0";  // a test compares it with CMakeLists.txt
constexpr std::string_view kModelGroup = "model/";

std::map<std::string, Tensor> tensors_of(const nn::Module& model) {
  std::map<std::string, Tensor> tensors;
  for (const ParameterList& list : {model.parameters(), model.buffers()})
    for (const auto& [name, tensor] : list) tensors[name] = tensor;
  return tensors;
}

std::map<std::string, Tensor> tensors_of(const hdf5::Tree& tree) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [path, tensor] : tree.tensors)
    if (path.starts_with(kModelGroup))
      tensors[name_of(std::string_view(path).substr(kModelGroup.size()))] = tensor;
  return tensors;
}

std::map<std::string, TensorKind> kinds_of(const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, TensorKind> kinds;
  for (const auto& [name, tensor] : tensors) kinds[name] = kind_of(tensor);
  return kinds;
}

}  // namespace

std::string path_of(std::string_view dotted_name) {
  std::string path(dotted_name);
  std::replace(path.begin(), path.end(), '.', '/');
  const bool has_empty_part = path.empty() || path.front() == '/' || path.back() == '/' ||
                              path.find("//") != std::string::npos;
  if (has_empty_part || dotted_name.find('/') != std::string_view::npos ||
      dotted_name.find('\0') != std::string_view::npos)
    throw hdf5::Failure(fmt::format(
        "\"{}\" cannot be a name in a file: names are parts joined by dots", dotted_name));
  return path;
}

std::string name_of(std::string_view path) {
  std::string name(path);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

hdf5::Tree new_tree(const char* format) {
  hdf5::Tree tree;
  tree.groups[""] = {
      {"format", format}, {"version", kFormatVersion}, {"library_version", kLibraryVersion}};
  return tree;
}

void add_model(hdf5::Tree& tree, const nn::Module& model) {
  tree.groups["model"];
  for (const auto& [name, tensor] : tensors_of(model))
    tree.tensors[std::string(kModelGroup) + path_of(name)] = tensor;
}

void write_tree(const char* operation, const std::string& path, const hdf5::Tree& tree,
                Where where) {
  std::string reason;
  try {
    const hdf5::Image image = hdf5::write_image(tree);
    const auto block = seal(image.pieces);
    std::vector<Piece> file{block};
    file.insert(file.end(), image.pieces.begin(), image.pieces.end());
    reason = write_file_atomically(path, file);
  } catch (const hdf5::Failure& failure) {
    reason = failure.what();
  }
  if (!reason.empty())
    Fault(operation, where)
        .raise<CheckpointError>(fmt::format("cannot write {}: {}", path, reason));
}

hdf5::Tree read_tree(const char* operation, const std::string& path,
                     const std::vector<std::string>& groups, Where where) {
  const Tensor image = read_sealed_file(operation, path, where);
  hdf5::Tree tree;
  try {
    tree = hdf5::read_image(image, groups);
  } catch (const hdf5::Failure& failure) {
    Fault(operation, where)
        .raise<CheckpointError>(
            fmt::format("{} is not as Tenon writes files: {}", path, failure.what()));
  }

  const hdf5::Attributes& root = tree.groups[""];
  const auto format = root.find("format"), version = root.find("version");
  const auto* text = format != root.end() ? std::get_if<std::string>(&format->second) : nullptr;
  const auto* number =
      version != root.end() ? std::get_if<std::int64_t>(&version->second) : nullptr;
  if (text == nullptr || number == nullptr ||
      (*text != kWeightsFormat && *text != kCheckpointFormat))
    Fault(operation, where)
        .raise<CheckpointError>(
            fmt::format("{} is neither a weights file nor a checkpoint: its format is {}", path,
                        text != nullptr ? *text : "not named"));
  if (*number != kFormatVersion)
    Fault(operation, where)
        .raise<CheckpointError>(
            fmt::format("{} has format version {}, but this version of Tenon reads {}", path,
                        *number, kFormatVersion));
  return tree;
}

const std::string& format_of(const hdf5::Tree& tree) {
  return std::get<std::string>(tree.groups.at("").at("format"));
}

void compare_model(const hdf5::Tree& tree, const nn::Module& model, Differences& differences) {
  differences.compare("", kinds_of(tensors_of(model)), kinds_of(tensors_of(tree)));
}

void load_model(const hdf5::Tree& tree, const nn::Module& model) {
  const NoGradGuard no_grad;
  const std::map<std::string, Tensor> from = tensors_of(tree);
  for (auto& [name, tensor] : tensors_of(model)) {
    Tensor to = tensor;
    to.copy_from(from.at(name));
  }
}

void check_fit(const char* operation, const std::string& path, const Differences& differences,
               Where where) {
  if (differences.empty()) return;
  Fault fault(operation, where);
  for (const std::string& line : differences.lines()) fault.note(line);
  fault.raise<CheckpointError>(fmt::format("{} does not fit: {}", path, differences.summary()));
}

}  // namespace tenon
