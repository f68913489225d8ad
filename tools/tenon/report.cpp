#include <fmt/format.h>
#include <tenon/core/error.h>
#include <tenon/data/mnist.h>
#include <tenon/ops/ops.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "tenon/core/atomic_file_internal.h"
#include "tools/tenon/commands.h"
#include "tools/tenon/data_folder.h"
#include "tools/tenon/model_file.h"
#include "tools/tenon/report/sections.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using report::Json;

struct Options {
  std::string file, output, data, model;
};

/// Why a part of the page is missing, in the page and on standard error.
class Notes {
 public:
  void add(const std::string& text) {
    fmt::print(stderr, "tenon report: {}\n", text);
    notes_.push_back(text);
  }
  const std::vector<std::string>& all() const { return notes_; }

 private:
  std::vector<std::string> notes_;
};

std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

void add_test_set(Json& page, ModelFile& file, const Options& options, Notes& notes) {
  const std::string folder =
      options.data.empty() ? find_text(file.metadata, "tenon.data") : data_folder(options.data);
  if (folder.empty()) {
    notes.add(
        "no predictions: the file does not say where its data are; name the folder with "
        "--data");
    return;
  }
  try {
    const data::ImageDataset images = data::load_mnist(folder, data::Split::test);
    if (images.size() == 0) throw DataError("the test set in " + folder + " has no images");
    page["test"] = report::test_set_of(*file.model, images);
    page["test"]["data"] = folder;
    page["maps"] = report::feature_maps_of(*file.model, images.read({0}).inputs);
  } catch (const DataError& error) {
    if (!options.data.empty()) throw;
    notes.add("no predictions: " + first_line(error));
  }
}

void add_model(Json& page, const CheckpointInfo& info, const Options& options, Notes& notes) {
  const std::string name =
      options.model.empty() ? find_text(info.metadata, "tenon.model") : options.model;
  if (find_model(name) == nullptr) {
    notes.add("no predictions, filters and times: " +
              (name.empty() ? "the file does not say which model it holds; name it with --model"
                            : fmt::format("the file holds the model {}, which this version of "
                                          "tenon does not know",
                                          name)));
    return;
  }
  ModelFile file = load_model_file(options.file, name);
  page["filters"] = report::filters_of(*file.model, file.choice->input_shape);
  add_test_set(page, file, options, notes);
  page["layers"] =
      report::layers_of(*file.model, file.choice->input_shape, file.choice->num_classes);
  page["model"] = {{"name", file.choice->name}, {"paper", file.choice->paper}};
}

void run(const Options& options) {
  const CheckpointInfo info = load_checkpoint(options.file);
  if (!info.state.contains("trainer/position"))
    throw Error(
        fmt::format("{} holds no run of a Trainer, so there is nothing to report", options.file));
  Notes notes;
  Json page = {{"file", fs::path(options.file).filename().string()},
               {"run", report::run_of(info)},
               {"history", report::history_of(info.state)},
               {"speed", report::speed_of(info.state)},
               {"histograms", report::histograms_of(info.state, info.epoch)}};
  if (page["speed"].is_null()) notes.add("no speed and no histograms: the run had no RunRecorder");
  add_model(page, info, options, notes);
  page["notes"] = notes.all();

  const fs::path output = options.output.empty()
                              ? fs::path(options.file).parent_path() / "report.html"
                              : fs::path(options.output);
  const std::string text = report::page_of(page);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (const std::string reason = write_file_atomically(output.string(), {bytes, text.size()});
      !reason.empty())
    throw Error(fmt::format("cannot write {}: {}", output.string(), reason));
  fmt::print("{}\n", output.string());
}

}  // namespace

void add_report(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("report", "a page of a run: curves, predictions, filters, times");
  const auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "a checkpoint of the run")
      ->required()
      ->type_name("FILE");
  command->add_option("-o,--output", options->output, "the page [report.html beside the file]")
      ->type_name("FILE");
  add_model_option(*command, options->model);
  command->add_option("--data", options->data, "the IDX files [those that it was trained with]")
      ->type_name("FOLDER");
  command->footer(
      "The page is one HTML file that needs no network. It says what it leaves out, and why.\n\n"
      "examples:\n"
      "  tenon report runs/lenet5-1/best.h5\n"
      "  tenon report runs/lenet5-1/best.h5 -o lenet5.html --data fashion-mnist");
  command->callback([options] { run(*options); });
}

}  // namespace tenon::cli
