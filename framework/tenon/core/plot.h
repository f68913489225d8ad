#pragma once

#include <string>
#include <utility>

#include "tenon/core/where.h"

namespace tenon {

/// A picture of a graph, as Graphviz's DOT text: what plot_model and plot_graph return. Drawing it
/// runs Graphviz's program `dot` (Debian: graphviz); without it there is the text.
class Plot {
 public:
  explicit Plot(std::string dot) : dot_(std::move(dot)) {}

  const std::string& dot() const { return dot_; }
  /// Throws an Error when Graphviz is not installed, or with its message when it fails.
  std::string svg(Where where = Where::current()) const;
  /// Writes a file of the kind that its name says: .dot or .gv (the text), .svg, .png, .pdf; whole
  /// or not at all. Throws a DataError for another name or where it cannot be written, and what
  /// svg() throws.
  void save(const std::string& path, Where where = Where::current()) const;

 private:
  std::string dot_;
};

}  // namespace tenon
