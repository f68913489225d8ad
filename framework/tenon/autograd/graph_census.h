#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/core/where.h"

namespace tenon {

/// Live nodes of the graph that come from one line.
struct GraphCensusRow {
  std::string operation;
  std::string place;  ///< "at train.cpp:20 in LeNet5.conv1"
  std::int64_t live;
};

/// While it lives, counts the nodes of the graph that are made, on all threads, by operation and
/// line, and those of them that die: what keeps a graph from being freed shows as rows that grow.
/// Recording is slower meanwhile.
class GraphCensus {
 public:
  /// Throws an Error when there is one already.
  explicit GraphCensus(Where where = Where::current());
  ~GraphCensus();
  GraphCensus(const GraphCensus&) = delete;
  GraphCensus& operator=(const GraphCensus&) = delete;

  /// What lives now of what was made since, the most first.
  std::vector<GraphCensusRow> rows() const;
};

}  // namespace tenon
