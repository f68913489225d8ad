#include "tenon/autograd/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tenon/autograd/backward.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/strided_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

using Outputs = FunctionRef<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// Leaves with memory of their own and the strides' order of the inputs.
std::vector<Tensor> own_leaves(const std::vector<Tensor>& inputs) {
  const NoGradGuard no_grad;
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) {
    Tensor leaf = empty_like(input);
    leaf.copy_from(input);
    if (leaf.dtype() == Dtype::f64) leaf.set_requires_grad();
    leaves.push_back(leaf);
  }
  return leaves;
}

double weighted_sum(const std::vector<Tensor>& outputs,
                    const std::vector<std::vector<double>>& weights) {
  double total = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::vector<double> values = outputs[i].to_vector<double>();
    for (std::size_t k = 0; k < values.size(); ++k) total += values[k] * weights[i][k];
  }
  return total;
}

void check_inputs(const char* operation, const std::vector<Tensor>& inputs, Where where) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_defined(operation, "an input", inputs[i], where);
    if (inputs[i].dtype() == Dtype::f32)
      Fault(operation, where)
          .operand(fmt::format("input {}", i), inputs[i])
          .fix("Make the inputs with {.dtype = Dtype::f64}.")
          .raise<DtypeError>("differences of f32 numbers are too coarse to check gradients");
  }
}

GradientReport compare(Outputs function, const std::vector<Tensor>& inputs,
                       const GradientCheckOptions& options, const char* what, Where where) {
  std::vector<Tensor> leaves = own_leaves(inputs);
  const std::vector<Tensor> outputs = function(leaves);
  Rng rng(options.seed);
  std::vector<std::vector<double>> weights;
  std::vector<Tensor> differentiable, seeds;
  for (const Tensor& output : outputs) {
    std::vector<double> values(static_cast<std::size_t>(output.numel()));
    for (double& value : values) value = 0.5 + static_cast<double>(rng.next() >> 11) * 0x1p-53;
    weights.push_back(values);
    if (!output.requires_grad()) continue;
    if (output.dtype() != Dtype::f64)
      Fault("check_gradients", where)
          .operand("output", output)
          .raise<DtypeError>("the function's result must be f64");
    differentiable.push_back(output);
    seeds.push_back(Tensor::from(values, output.shape(), Dtype::f64));
  }
  std::vector<Tensor> wanted;
  for (const Tensor& leaf : leaves)
    if (leaf.requires_grad()) wanted.push_back(leaf);
  std::vector<Tensor> analytic(wanted.size());
  if (!differentiable.empty() && !wanted.empty())
    analytic = gradients(differentiable, wanted, {.allow_unused = true, .output_gradients = seeds});

  GradientReport report{.ok = true};
  double worst = 0;
  std::size_t leaf_index = 0;
  for (std::size_t input = 0; input < leaves.size(); ++input) {
    Tensor& leaf = leaves[input];
    if (!leaf.requires_grad()) continue;
    const Tensor& gradient = analytic[leaf_index++];
    const std::vector<double> exact =
        gradient.defined() ? gradient.to_vector<double>()
                           : std::vector<double>(static_cast<std::size_t>(leaf.numel()));
    std::size_t element = 0;
    for_each_offset(leaf.shape(), leaf.strides(), [&](std::int64_t offset) {
      double& value = fresh_elements<double>(leaf)[offset];
      const double middle = value;
      const auto at = [&](double moved) {
        value = moved;
        bump_version(leaf);
        return weighted_sum(function(leaves), weights);
      };
      const double numeric =
          (at(middle + options.step) - at(middle - options.step)) / (2 * options.step);
      at(middle);
      const double got = exact[element];
      const double allowed =
          options.absolute + options.relative * std::max(std::abs(got), std::abs(numeric));
      double excess = std::abs(got - numeric) / allowed;
      if (!(excess == excess)) excess = HUGE_VAL;
      if (excess > worst) {
        worst = excess;
        report.input = input;
        report.element = static_cast<std::int64_t>(element);
        report.analytic = got;
        report.numeric = numeric;
      }
      ++element;
    });
  }
  report.ok = worst <= 1;
  report.message = fmt::format(
      "{}: {}; the worst is input {}, element {}: the rule gives {:.10g}, the difference {:.10g}",
      what, report.ok ? "ok" : "the gradient is wrong", report.input, report.element,
      report.analytic, report.numeric);
  return report;
}

}  // namespace

GradientReport check_gradients(FunctionRef<Tensor(const std::vector<Tensor>&)> function,
                               const std::vector<Tensor>& inputs,
                               const GradientCheckOptions& options, Where where) {
  check_inputs("check_gradients", inputs, where);
  const auto outputs = [&](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{function(in)};
  };
  return compare(outputs, inputs, options, "check_gradients", where);
}

GradientReport check_second_gradients(FunctionRef<Tensor(const std::vector<Tensor>&)> function,
                                      const std::vector<Tensor>& inputs,
                                      const GradientCheckOptions& options, Where where) {
  check_inputs("check_second_gradients", inputs, where);
  // The gradient is a function of the inputs and of the gradient of the output: both are checked.
  std::vector<Tensor> extended = inputs;
  {
    const Tensor output = function(own_leaves(inputs));
    Rng rng(options.seed + 1);
    std::vector<double> values(static_cast<std::size_t>(output.numel()));
    for (double& value : values) value = 0.5 + static_cast<double>(rng.next() >> 11) * 0x1p-53;
    extended.push_back(Tensor::from(values, output.shape(), Dtype::f64));
  }
  const auto first = [&](const std::vector<Tensor>& in) {
    const std::vector<Tensor> arguments(in.begin(), in.end() - 1);
    std::vector<Tensor> wanted;
    for (const Tensor& argument : arguments)
      if (argument.requires_grad()) wanted.push_back(argument);
    const Tensor output = function(arguments);
    if (!output.requires_grad() || wanted.empty()) return std::vector<Tensor>{};
    std::vector<Tensor> found =
        gradients(output, wanted,
                  {.create_graph = true, .allow_unused = true, .output_gradients = {in.back()}});
    std::erase_if(found, [](const Tensor& gradient) { return !gradient.defined(); });
    return found;
  };
  return compare(first, extended, options, "check_second_gradients", where);
}

}  // namespace tenon
