#include "tenon/nn/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/with_commas_internal.h"
#include "tenon/nn/dry_run_internal.h"

namespace tenon::nn {
namespace {

/// What the dry run saw of a module.
struct Seen {
  Shape output;
  std::int64_t multiply_adds = 0;
};

std::map<const Module*, Seen> look(Module& model, const Shape& input_shape, Dtype dtype,
                                   Where where) {
  const NoGradGuard no_grad;
  std::map<const Module*, Seen> seen;
  const auto observe = [&](Module& module, const Tensor& x, const Tensor& y) {
    Seen& entry = seen[&module];
    entry.output = y.shape();
    entry.multiply_adds += module.multiply_adds(x.shape(), y.shape());
    return Tensor();
  };
  const CallObserver observer(observe);
  dry_run(model, Tensor::zeros(input_shape, {.dtype = dtype}, where), observer, where);
  return seen;
}

using Row = std::array<std::string, 5>;

std::string format_row(const Row& row, const std::array<std::size_t, 5>& widths) {
  std::string line =
      fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}", row[0], widths[0], row[1], widths[1],
                  row[2], widths[2], row[3], widths[3], row[4], widths[4]);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string summary(Module& model, const Shape& input_shape, SummaryOptions options, Where where) {
  const std::map<const Module*, Seen> seen = look(model, input_shape, options.dtype, where);
  std::vector<Row> rows = {{"layer", "type", "output shape", "parameters", "multiply-adds"}};
  std::int64_t multiply_adds = 0;
  for (const auto& [name, module] : model.modules()) {
    const auto entry = seen.find(&module);
    const bool called = entry != seen.end();
    if (called) multiply_adds += entry->second.multiply_adds;
    const std::int64_t parameters = own_parameters(module);
    if (!module.children().empty() && parameters == 0) continue;
    rows.push_back({name.empty() ? "(model)" : name, module.type_name(),
                    called ? to_string(entry->second.output) : "-", with_commas(parameters),
                    called ? with_commas(entry->second.multiply_adds) : "-"});
  }
  std::int64_t trainable = 0;
  for (const auto& [name, tensor] : model.parameters())
    if (tensor.requires_grad()) trainable += tensor.numel();
  const std::int64_t all = model.num_parameters();
  const auto root = seen.find(&model);
  rows.push_back({"total", model.type_name(),
                  root == seen.end() ? "-" : to_string(root->second.output), with_commas(all),
                  with_commas(multiply_adds)});

  std::array<std::size_t, 5> widths{};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  const std::size_t width = widths[0] + widths[1] + widths[2] + widths[3] + widths[4] + 8;
  const std::string rule = std::string(width, '-') + "\n";
  std::string text = format_row(rows.front(), widths) + rule;
  for (std::size_t i = 1; i + 1 < rows.size(); ++i) text += format_row(rows[i], widths);
  text += rule + format_row(rows.back(), widths);
  if (trainable != all)
    text += fmt::format("{} trainable, {} frozen\n", with_commas(trainable),
                        with_commas(all - trainable));
  return text;
}

}  // namespace tenon::nn
