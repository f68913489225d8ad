#include <fmt/format.h>
#include <tenon/tenon.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/tenon/commands.h"
#include "tools/tenon/digit_image.h"
#include "tools/tenon/json_output.h"
#include "tools/tenon/model_file.h"

namespace tenon::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string file, model;
  std::vector<std::string> images;
  std::string invert = "auto";
  bool json = false;
};

const std::map<std::string, Invert> kInvert{
    {"auto", Invert::automatic}, {"always", Invert::always}, {"never", Invert::never}};

/// What was done to an image before the model saw it; empty for nothing.
std::string preparation(const DigitImage& image, const Shape& shape) {
  std::string text;
  if (image.is_inverted) text = "inverted: dark on bright made bright on dark";
  if (image.is_fitted)
    text += fmt::format("{}fitted from {}x{} into {}x{}", text.empty() ? "" : "; ", image.height,
                        image.width, shape[2], shape[3]);
  return text.empty() ? text : "   (" + text + ")";
}

/// The three most likely classes: "7 99.61 %   2 0.20 %   9 0.10 %"
std::string most_likely(const std::vector<double>& probabilities) {
  std::vector<std::size_t> order(probabilities.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return probabilities[a] > probabilities[b];
  });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, order.size()); ++i)
    text += fmt::format("   {} {:5.2f} %", order[i], 100 * probabilities[order[i]]);
  return text;
}

void run(const Options& options) {
  JsonOutput json(options.json);
  const ModelFile file = load_model_file(options.file, options.model);
  const Shape& shape = file.choice->input_shape;
  std::vector<DigitImage> images;  // all, so that a missing one is told before anything is printed
  for (const std::string& path : options.images)
    images.push_back(read_digit(path, shape, kInvert.at(options.invert)));

  const NoGradGuard no_grad;
  Json predictions = Json::array();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const DigitImage& image = images[i];
    const auto probabilities = softmax((*file.model)(image.pixels), 1).to_vector<double>();
    const auto best = std::max_element(probabilities.begin(), probabilities.end());
    if (!json.is_on())
      fmt::print("{}{}{}\n", options.images[i], most_likely(probabilities),
                 preparation(image, shape));
    predictions.push_back({{"image", options.images[i]},
                           {"class", best - probabilities.begin()},
                           {"probability", *best},
                           {"probabilities", probabilities},
                           {"height", image.height},
                           {"width", image.width},
                           {"inverted", image.is_inverted},
                           {"fitted", image.is_fitted}});
  }
  json.print({{"file", options.file}, {"model", file.choice->name}, {"predictions", predictions}},
             2);
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* command = app.add_subcommand("predict", "the class of images, with its probability");
  const auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "a checkpoint or weights")
      ->required()
      ->type_name("FILE");
  command->add_option("images", options->images, "PNG or JPEG, of any size")
      ->required()
      ->type_name("IMAGE");
  add_model_option(*command, options->model);
  command
      ->add_option("--invert", options->invert,
                   "the models know bright on dark; auto looks at the image's border")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("")
      ->capture_default_str();
  command->add_flag("--json", options->json, "print JSON, with the probabilities of all classes");
  command->footer(
      "An image of another size than the model's is prepared as MNIST's were: what stands out "
      "from\n"
      "the ground is scaled to 20 of 28 pixels, and its centre of mass put into the middle.\n"
      "\n"
      "examples:\n"
      "  tenon predict runs/lenet5-1/best.h5 digit.png\n"
      "  tenon predict runs/lenet5-1/best.h5 photos/*.jpg --json");
  command->callback([options] { run(*options); });
}

}  // namespace tenon::cli
