#include <fmt/format.h>
#include <tenon/tenon.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/tenon/commands.h"
#include "tools/tenon/data_folder.h"
#include "tools/tenon/json_output.h"
#include "tools/tenon/model_file.h"

namespace tenon::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string file, model, data;
  bool json = false;
};

/// What the test set says of a model.
struct Evaluation {
  explicit Evaluation(std::int64_t classes) : confusion(classes) {}

  LossTotal loss;
  metrics::Accuracy accuracy;
  metrics::Precision precision;
  metrics::Recall recall;
  metrics::F1 f1;
  metrics::ConfusionMatrix confusion;
};

void evaluate(nn::Module& model, const data::Dataset& dataset, Evaluation& result) {
  const NoGradGuard no_grad;
  const losses::CrossEntropy loss;
  for (const data::Batch& batch : data::Loader(dataset, {.batch_size = 512}).epoch(0)) {
    const Tensor logits = model(batch.inputs);
    const LossSum of_batch = loss(logits, batch.targets);
    result.loss += {of_batch.sum.item<double>(), of_batch.weight};
    for (metrics::Metric* metric : std::initializer_list<metrics::Metric*>{
             &result.accuracy, &result.precision, &result.recall, &result.f1, &result.confusion})
      metric->update(logits, batch.targets);
  }
}

struct ClassRow {
  double precision, recall, f1;
  std::vector<std::int64_t> taken_for;
  std::int64_t images;
};

std::vector<ClassRow> rows_of(const Evaluation& evaluation) {
  const auto precision = evaluation.precision.per_class().to_vector<double>();
  const auto recall = evaluation.recall.per_class().to_vector<double>();
  const auto f1 = evaluation.f1.per_class().to_vector<double>();
  const auto counts = evaluation.confusion.counts().to_vector<std::int64_t>();
  std::vector<ClassRow> rows;
  for (std::size_t i = 0, classes = precision.size(); i < classes; ++i) {
    const auto row = counts.begin() + static_cast<std::ptrdiff_t>(i * classes);
    ClassRow& made = rows.emplace_back(ClassRow{
        precision[i], recall[i], f1[i], {row, row + static_cast<std::ptrdiff_t>(classes)}, 0});
    for (const std::int64_t count : made.taken_for) made.images += count;
  }
  return rows;
}

void print(const Evaluation& evaluation) {
  const std::vector<ClassRow> rows = rows_of(evaluation);
  fmt::print("class  precision  recall      F1  images\n");
  for (std::size_t i = 0; i < rows.size(); ++i)
    fmt::print("{:>5}  {:>9.4f}  {:>6.4f}  {:>6.4f}  {:>6}\n", i, rows[i].precision, rows[i].recall,
               rows[i].f1, rows[i].images);
  fmt::print("\nclass  taken for\n     ");
  for (std::size_t i = 0; i < rows.size(); ++i) fmt::print("  {:>5}", i);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    fmt::print("\n{:>5}", i);
    for (const std::int64_t count : rows[i].taken_for) fmt::print("  {:>5}", count);
  }
  fmt::print("\n\ntest loss {:.4f}, test accuracy {:.2f} %\n", evaluation.loss.mean(),
             100 * evaluation.accuracy.value());
}

Json document_of(const Evaluation& evaluation) {
  Json classes = Json::array(), confusion = Json::array();
  for (const ClassRow& row : rows_of(evaluation)) {
    classes.push_back({{"class", classes.size()},
                       {"precision", row.precision},
                       {"recall", row.recall},
                       {"f1", row.f1},
                       {"images", row.images}});
    confusion.push_back(row.taken_for);
  }
  return {{"loss", evaluation.loss.mean()},
          {"accuracy", evaluation.accuracy.value()},
          {"classes", classes},
          {"confusion_matrix", confusion}};
}

void run(const Options& options) {
  JsonOutput json(options.json);
  const ModelFile file = load_model_file(options.file, options.model);
  const std::string data =
      data_folder(options.data.empty() ? find_text(file.metadata, "tenon.data") : options.data);
  const data::ImageDataset test_set = data::load_mnist(data, data::Split::test);
  if (test_set.size() == 0) throw DataError(fmt::format("the test set in {} has no images", data));
  Evaluation evaluation(file.choice->num_classes);
  evaluate(*file.model, test_set, evaluation);
  if (!json.is_on()) return print(evaluation);
  Json document{{"file", options.file},
                {"model", file.choice->name},
                {"data", data},
                {"images", test_set.size()}};
  document.update(document_of(evaluation));
  json.print(document, 2);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("evaluate", "loss, accuracy and confusions on the test set");
  const auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "a checkpoint or weights")
      ->required()
      ->type_name("FILE");
  add_model_option(*command, options->model);
  command->add_option("--data", options->data, "the IDX files [those that it was trained with]")
      ->type_name("FOLDER");
  command->add_flag("--json", options->json, "print JSON instead of tables");
  command->footer(
      "examples:\n"
      "  tenon evaluate runs/lenet5-1/best.h5\n"
      "  tenon evaluate lenet5.h5 --model lenet5 --data fashion-mnist --json");
  command->callback([options] { run(*options); });
}

}  // namespace tenon::cli
