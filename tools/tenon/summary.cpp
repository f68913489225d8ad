#include <fmt/format.h>
#include <tenon/nn/plot_model.h>
#include <tenon/nn/summary.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/tenon/commands.h"
#include "tools/tenon/model_file.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string what, model, plot;
};

void summarize(const Options& options) {
  const ModelChoice* choice = find_model(options.what);
  Rng rng(0);
  std::unique_ptr<nn::Module> model;
  if (choice != nullptr) {
    model = choice->make(rng);
  } else {
    ModelFile file = load_model_file(options.what, options.model);
    choice = file.choice;
    model = std::move(file.model);
  }
  if (!options.plot.empty()) nn::plot_model(*model, choice->input_shape).save(options.plot);
  fmt::print("{} ({})\n\n{}", choice->name, choice->paper,
             nn::summary(*model, choice->input_shape));
}

}  // namespace

void add_summary(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("summary", "the layers of a model, their shapes and costs");
  const auto options = std::make_shared<Options>();
  command->add_option("model", options->what, "a model's name, or a file that holds one")
      ->required()
      ->type_name("MODEL|FILE");
  add_model_option(*command, options->model);
  command->add_option("--plot", options->plot, "also draw it: .svg, .png, .pdf, or .dot")
      ->type_name("FILE");
  command->footer(
      "examples:\n  tenon summary lenet5 --plot lenet5.svg\n  tenon summary runs/lenet5-1/best.h5");
  command->callback([options] { summarize(*options); });
}

}  // namespace tenon::cli
