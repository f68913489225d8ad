#pragma once

#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

/// One gradient a parameter, undefined where there is none: sums of the gradients of a group of
/// shards.
using GradientSet = std::vector<Tensor>;

/// Adds a shard's gradients to its group's. A set's tensors are dense, in their parameters' order.
void add_to_set(GradientSet& set, const std::vector<Tensor>& parameters,
                std::vector<Tensor> gradients);

/// The sum of the sets in their order, in parallel over fixed blocks of elements; reuses their
/// memory.
GradientSet sum_of_sets(std::vector<GradientSet> sets);

}  // namespace tenon
