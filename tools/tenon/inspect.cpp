#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "tenon/core/error.h"
#include "tenon/io/model_file_internal.h"
#include "tools/tenon/commands.h"
#include "tools/tenon/json_output.h"
#include "tools/tenon/text.h"

namespace tenon::cli {
namespace {

using Json = nlohmann::ordered_json;

Json attributes_of(const hdf5::Tree& tree, const std::string& group) {
  Json attributes = Json::object();
  if (const auto found = tree.groups.find(group); found != tree.groups.end())
    for (const auto& [name, attribute] : found->second)
      std::visit([&, &key = name](const auto& value) { attributes[key] = value; }, attribute);
  return attributes;
}

/// The figures of each epoch, in their order, from "state/history/02/accuracy" f64 [epochs].
Json history_of(const hdf5::Tree& tree) {
  constexpr std::string_view kHistory = "state/history/";
  Json epochs = Json::array();
  for (const auto& [name, tensor] : tree.tensors) {
    if (!name.starts_with(kHistory)) continue;
    const std::string figure =
        name.substr(std::min(name.find('/', kHistory.size()), name.size() - 1) + 1);
    const std::vector<double> values = tensor.to_vector<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (epochs.size() <= i) epochs.push_back({{"epoch", i + 1}});
      epochs[i][figure] = values[i];
    }
  }
  return epochs;
}

Json document_of(const std::string& path, const hdf5::Tree& tree) {
  const Json root = attributes_of(tree, "");
  const bool is_checkpoint = format_of(tree) == kCheckpointFormat;
  Json document{{"file", path},
                {"intact", true},
                {"kind", is_checkpoint ? "checkpoint" : "weights"},
                {"format_version", root.at("version")},
                {"library_version", root.at("library_version")},
                {"bytes", std::filesystem::file_size(path)}};
  if (is_checkpoint) {
    document["epoch"] = root.at("epoch");
    document["step"] = root.at("step");
    document["metadata"] = attributes_of(tree, "metadata");
    document["history"] = history_of(tree);
    document["random"] = Json::object();
    constexpr std::string_view kRandom = "random/";
    for (const auto& [group, attributes] : tree.groups)
      if (group.starts_with(kRandom))
        document["random"][group.substr(kRandom.size())] = attributes_of(tree, group);
  }
  document["tensors"] = Json::array();
  for (const auto& [name, tensor] : tree.tensors)
    document["tensors"].push_back(
        {{"name", name},
         {"dtype", to_string(tensor.dtype())},
         {"shape", std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end())}});
  return document;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// The figures of one epoch a line.
void print_history(const Json& epochs) {
  fmt::print("\nhistory\n ");
  for (const auto& [name, value] : epochs.front().items())
    fmt::print(" {:>{}}", name, std::max<std::size_t>(8, name.size()));
  for (const Json& epoch : epochs) {
    fmt::print("\n ");
    for (const auto& [name, value] : epoch.items())
      fmt::print(
          " {:>{}}",
          value.is_number_float() ? fmt::format("{:.6g}", value.get<double>()) : text_of(value),
          std::max<std::size_t>(8, name.size()));
  }
  fmt::print("\n");
}

void print_pairs(const char* title, const Json& values) {
  if (values.empty()) return;
  std::size_t width = 0;
  for (const auto& [name, value] : values.items()) width = std::max(width, name.size());
  fmt::print("\n{}\n", title);
  for (const auto& [name, value] : values.items())
    fmt::print("  {:<{}}  {}\n", name, width, text_of(value));
}

void print(const Json& document) {
  fmt::print("{}: {}, intact\n", text_of(document["file"]), text_of(document["kind"]));
  fmt::print("format {}, written by Tenon {}, {} bytes\n", text_of(document["format_version"]),
             text_of(document["library_version"]), text_of(document["bytes"]));
  if (document.contains("epoch")) {
    fmt::print("epoch {}, step {}\n", text_of(document["epoch"]), text_of(document["step"]));
    print_pairs("metadata", document["metadata"]);
    print_pairs("random streams", document["random"]);
    if (!document["history"].empty()) print_history(document["history"]);
  }
  Json tensors = Json::object();
  for (const Json& tensor : document["tensors"])
    tensors[text_of(tensor["name"])] = fmt::format("{} [{}]", text_of(tensor["dtype"]), [&] {
      std::string sizes;
      for (const Json& size : tensor["shape"]) sizes += (sizes.empty() ? "" : ", ") + text_of(size);
      return sizes;
    }());
  print_pairs("tensors", tensors);
}

void inspect(const std::string& path, bool is_json) {
  JsonOutput json(is_json);
  try {
    const hdf5::Tree tree = read_tree(
        "inspect", path, {"model", "optimizer", "random", "metadata", "state"}, Where::current());
    const Json document = document_of(path, tree);
    json.print(document, 2);
    if (!json.is_on()) print(document);
  } catch (const Error& error) {
    json.print({{"file", path}, {"intact", false}, {"error", cli::text_of(error)}}, 2);
    throw;
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  CLI::App* command = app.add_subcommand("inspect", "what a checkpoint or a file of weights holds");
  struct Options {
    std::string file;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "the file")->required()->type_name("FILE");
  command->add_flag("--json", options->json, "print JSON instead of tables");
  command->footer(
      "examples:\n"
      "  tenon inspect runs/lenet5-1/best.h5\n"
      "  tenon inspect runs/lenet5-1/best.h5 --json | jq .metadata");
  command->callback([options] { inspect(options->file, options->json); });
}

}  // namespace tenon::cli
