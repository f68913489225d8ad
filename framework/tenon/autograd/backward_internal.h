#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

/// gradients() of one output, undefined for inputs that it does not depend on, for a caller that
/// runs several backward passes at once: they free their graphs, so that none may share an
/// operation. Throws GradientError when the output depends on one with an id below `first_id`.
std::vector<Tensor> gradients_of_own_graph(const char* operation, const Tensor& output,
                                           const Tensor& seed, const std::vector<Tensor>& inputs,
                                           std::uint64_t first_id, Where where);

}  // namespace tenon
