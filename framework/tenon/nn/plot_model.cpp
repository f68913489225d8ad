#include "tenon/nn/plot_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "tenon/core/dot_internal.h"
#include "tenon/core/with_commas_internal.h"
#include "tenon/nn/dry_run_internal.h"
#include "tenon/nn/model_trace_internal.h"

namespace tenon::nn {
namespace {

/// "156 parameters", and whether they are frozen; empty if there are none.
std::string parameters_text(const Module& module, std::int64_t count) {
  if (count == 0) return {};
  const ParameterList list = module.parameters();
  const bool is_frozen = std::none_of(list.begin(), list.end(), [](const NamedTensor& parameter) {
    return parameter.tensor.requires_grad();
  });
  return fmt::format("{} parameter{}{}", with_commas(count), count == 1 ? "" : "s",
                     is_frozen ? ", frozen" : "");
}

/// The first line of a box or frame: "<b>conv1</b> Conv2d".
std::string name_text(std::string_view name, const Module& module) {
  const std::string type = dot_text(module.type_name());
  return name.empty() ? fmt::format("<b>{}</b>", type)
                      : fmt::format("<b>{}</b> {}", dot_text(name), type);
}

class ModelWriter {
 public:
  ModelWriter(const ModelTrace& trace, PlotModelOptions options)
      : boxes_(trace.boxes), options_(options) {}

  std::string write(const Module& model, const ModelTrace& trace) {
    dot_ = "digraph model {\n" + dot_header(title(model, ""));
    add_plain(0, "input", kDotInput);
    if (model.children().empty())
      add_layer("", model);
    else
      add_contents(model);
    add_plain(boxes_.size() - 1, "output", kDotInput);
    for (const auto& [from, to] : trace.arrows) dot_ += fmt::format("  n{} -> n{}\n", from, to);
    return std::move(dot_) + "}\n";
  }

 private:
  static std::string title(const Module& module, std::string_view name) {
    const std::string parameters = parameters_text(module, module.num_parameters());
    return name_text(name, module) + (parameters.empty() ? "" : "<br/>") + parameters;
  }

  /// What is in the frame of a module: operations of its own, then its children.
  void add_contents(const Module& module) {
    for (std::size_t i = 0; i < boxes_.size(); ++i)
      if (boxes_[i].kind == ModelBox::Kind::operation && boxes_[i].module == &module)
        add_plain(i, boxes_[i].operation, kDotPlain);
    for (const auto& [name, child] : module.children()) {
      if (child.children().empty()) {
        add_layer(name, child);
        continue;
      }
      dot_ += fmt::format("  subgraph cluster_{} {{\n  label=<{}>\n  labeljust=l\n", frames_++,
                          title(child, name));
      add_contents(child);
      dot_ += "  }\n";
    }
  }

  void add_plain(std::size_t box, std::string_view name, std::string_view attributes) {
    dot_ +=
        fmt::format("  n{} [label=<{}{}>, {}]\n", box, dot_text(name), shape_line(box), attributes);
  }

  /// A box each call of a layer.
  void add_layer(std::string_view name, const Module& layer) {
    const std::int64_t parameters = own_parameters(layer);
    const std::string details = dot_text(layer.details());
    std::string text = name_text(name, layer);
    if (!details.empty()) text += ", " + details;
    if (parameters > 0) text += "<br/>" + dot_detail(parameters_text(layer, parameters));
    const std::string_view attributes = parameters > 0 ? kDotWeighted : kDotPlain;

    const auto is_call = [&](const ModelBox& box) {
      return box.kind == ModelBox::Kind::layer && box.module == &layer;
    };
    const auto calls = std::count_if(boxes_.begin(), boxes_.end(), is_call);
    for (std::size_t i = 0; i < boxes_.size(); ++i) {
      if (!is_call(boxes_[i])) continue;
      const std::string call =
          calls == 1 ? ""
                     : "<br/>" + dot_detail(fmt::format("call {} of {}", boxes_[i].call, calls));
      dot_ += fmt::format("  n{} [label=<{}{}{}>, {}]\n", i, text, call, shape_line(i), attributes);
    }
    if (calls == 0)
      dot_ += fmt::format("  u{} [label=<{}<br/>{}>, {}, style=\"rounded,filled,dashed\"]\n",
                          uncalled_++, text, dot_detail("not called"), attributes);
  }

  std::string shape_line(std::size_t box) const {
    return options_.show_shapes ? "<br/>" + dot_detail(to_string(boxes_[box].shape)) : "";
  }

  const std::vector<ModelBox>& boxes_;
  const PlotModelOptions options_;
  std::string dot_;
  int frames_ = 0;
  int uncalled_ = 0;
};

}  // namespace

Plot plot_model(Module& model, const Shape& input_shape, PlotModelOptions options, Where where) {
  const Tensor x = Tensor::zeros(input_shape, {.dtype = options.dtype}, where);
  const ModelTrace trace = trace_model(model, x, where);
  return Plot(ModelWriter(trace, options).write(model, trace));
}

}  // namespace tenon::nn
