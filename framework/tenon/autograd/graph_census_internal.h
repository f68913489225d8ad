#pragma once

#include <atomic>
#include <cstdint>

namespace tenon {

struct Node;

/// The number of the census that runs; 0: none does.
extern std::atomic<std::uint32_t> g_graph_census;

/// For a node that was made during that census.
void add_to_census(const Node& node);
void remove_from_census(const Node& node) noexcept;

}  // namespace tenon
