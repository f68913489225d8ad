#pragma once

#include <string>

#include "tenon/nn/module.h"

namespace tenon::nn {

struct SummaryOptions {
  Dtype dtype = Dtype::f32;  ///< of the input; i64 for a model that starts with an Embedding
};

/// A table with a row a layer (a module without children, or with parameters of its own): its
/// dotted name and type, the output shape of its last call, its parameters, and the multiply-adds
/// of its calls for an input of that shape (those of convolutions and linear layers; a module of
/// your own counts what its multiply_adds() returns). Below, the totals. Makes a dry run with
/// zeros, in evaluation and unrecorded, which leaves training flags and buffers as they were.
std::string summary(Module& model, const Shape& input_shape, SummaryOptions options = {},
                    Where where = Where::current());

}  // namespace tenon::nn
