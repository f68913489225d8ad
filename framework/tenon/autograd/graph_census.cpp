#include "tenon/autograd/graph_census.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "tenon/autograd/graph_census_internal.h"
#include "tenon/autograd/node_internal.h"
#include "tenon/core/fault_internal.h"

namespace tenon {

std::atomic<std::uint32_t> g_graph_census{0};

namespace {

using Line = std::tuple<const char*, const char*, std::uint32_t, const CallPath*>;
struct Count {
  Location location;
  std::int64_t live = 0;
};

std::mutex g_mutex;
std::map<Line, Count> g_counts;
std::uint32_t g_last_census = 0;

Line line_of(const Node& node) {
  const Where where = node.location.where;
  return {node.name, where.file(), where.line(), node.location.path};
}

}  // namespace

void add_to_census(const Node& node) {
  const std::lock_guard lock(g_mutex);
  ++g_counts.try_emplace(line_of(node), Count{node.location}).first->second.live;
}

void remove_from_census(const Node& node) noexcept {
  const std::lock_guard lock(g_mutex);
  if (const auto count = g_counts.find(line_of(node)); count != g_counts.end())
    --count->second.live;
}

GraphCensus::GraphCensus(Where where) {
  const std::lock_guard lock(g_mutex);
  if (g_graph_census != 0)
    Fault("GraphCensus", where).raise<Error>("there is one already, and no two can run at once");
  g_counts.clear();
  g_graph_census = ++g_last_census;
}

GraphCensus::~GraphCensus() { g_graph_census = 0; }

std::vector<GraphCensusRow> GraphCensus::rows() const {
  const std::lock_guard lock(g_mutex);
  std::vector<GraphCensusRow> rows;
  for (const auto& [line, count] : g_counts)
    if (count.live > 0) rows.push_back({std::get<0>(line), to_string(count.location), count.live});
  std::sort(rows.begin(), rows.end(), [](const GraphCensusRow& a, const GraphCensusRow& b) {
    return std::tie(b.live, a.operation, a.place) < std::tie(a.live, b.operation, b.place);
  });
  return rows;
}

}  // namespace tenon
