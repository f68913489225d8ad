#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tenon/autograd/node_internal.h"

namespace tenon {

/// The nodes that these (defined) tensors were computed from, leaves too, each after its inputs.
/// Those with ids below `first_id` are left out.
std::vector<const Node*> nodes_behind(std::span<const Tensor> tensors, std::uint64_t first_id = 0);

}  // namespace tenon
