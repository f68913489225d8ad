#pragma once

#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

struct GradientOptions {
  /// Record the gradients themselves, so that they can be differentiated.
  bool create_graph = false;
  /// Keep the graph for another backward; create_graph keeps it too.
  bool retain_graph = false;
  /// Return an undefined tensor for an input that the outputs do not depend on, instead of
  /// throwing.
  bool allow_unused = false;
  /// The gradient of each output; empty: ones, for scalars alone.
  std::vector<Tensor> output_gradients = {};
};

/// The gradients of the sum of `outputs` for each of `inputs` (leaves or results), without touching
/// grad(). Throws GradientError when an input does not require grad, was not used, or the graph was
/// freed.
std::vector<Tensor> gradients(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                              const GradientOptions& options = {}, Where where = Where::current());
std::vector<Tensor> gradients(const Tensor& output, const std::vector<Tensor>& inputs,
                              const GradientOptions& options = {}, Where where = Where::current());

/// Adds the gradients of the sum of `outputs` to grad() of every leaf they were computed from.
void backward(const std::vector<Tensor>& outputs, const BackwardOptions& options = {},
              Where where = Where::current());

}  // namespace tenon
