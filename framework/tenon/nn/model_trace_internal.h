#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tenon/nn/module.h"

namespace tenon::nn {

/// A box of a model's picture.
struct ModelBox {
  enum class Kind : std::uint8_t { input, layer, operation, output };
  Kind kind;
  /// The layer; of an operation, the module whose forward has it; null for input and output.
  const Module* module = nullptr;
  std::string operation = {};  ///< its name
  Shape shape = {};            ///< of what comes out
  int call = 1;                ///< of the layer: 1, 2, ...
};

/// What happens to an input: calls of layers (modules without children) and the operations between
/// them, in the order of computation; input first, output last.
struct ModelTrace {
  std::vector<ModelBox> boxes;
  std::vector<std::pair<std::size_t, std::size_t>> arrows;  ///< from box to box, sorted
};

/// Follows x through a dry run, by the recorded graph and by what goes into layers. An operation
/// that is not recorded (on integers, or under the model's own NoGradGuard) has no box, but a
/// tensor that layers hand on as it is, or a view of it, is followed there too.
ModelTrace trace_model(Module& model, const Tensor& x, Where where);

}  // namespace tenon::nn
