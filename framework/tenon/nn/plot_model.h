#pragma once

#include "tenon/core/plot.h"
#include "tenon/nn/module.h"

namespace tenon::nn {

struct PlotModelOptions {
  Dtype dtype = Dtype::f32;  ///< of the input; i64 for a model that starts with an Embedding
  bool show_shapes = true;   ///< of what comes out of each box
};

/// How an input of that shape flows through a model: a box each call of a layer (a module without
/// children) with its name, type, output shape and parameters; a smaller one an operation between
/// layers; a frame around the boxes of a module with children; dashed, layers that were not called.
/// Finds out by a dry run with zeros, in evaluation, which leaves training flags and buffers as
/// they were. What is not recorded (operations on integers, or under the model's own NoGradGuard)
/// does not show.
///   plot_model(model, {1, 1, 28, 28}).save("model.svg");
Plot plot_model(Module& model, const Shape& input_shape, PlotModelOptions options = {},
                Where where = Where::current());

}  // namespace tenon::nn
