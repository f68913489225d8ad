#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "tenon/core/plot.h"
#include "tenon/core/tensor.h"

namespace tenon {

/// Names of leaves of a graph: model.parameters(), or {{"w", w}, {"b", b}}.
class LeafNames {
 public:
  struct Leaf {
    std::string name;
    Tensor tensor;
  };
  LeafNames() = default;
  LeafNames(std::initializer_list<Leaf> leaves);
  template <class List, class = decltype(std::declval<const List&>().begin()->tensor)>
  LeafNames(const List& list) {
    for (const auto& [name, tensor] : list) add(name, tensor);
  }
  const std::vector<Leaf>& leaves() const { return leaves_; }

 private:
  void add(const std::string& name, const Tensor& tensor);

  std::vector<Leaf> leaves_;
};

struct PlotGraphOptions {
  LeafNames parameters = {};      ///< what leaves are called in the picture
  std::int64_t max_nodes = 1000;  ///< operations that are drawn
};

/// The recorded graph behind a tensor: a box an operation, with the module that called it, the
/// shape and dtype of its outputs, and its source line as a tooltip; a box a leaf (beside each
/// operation that takes it, if they are many); an arrow wherever a gradient flows back. Of more
/// than `max_nodes` operations the last ones are drawn, and a note counts the others. Operations
/// that a backward pass has freed are drawn too, dashed. Throws ShapeError for an undefined tensor,
/// GradientError for one without history.
///   plot_graph(loss, {.parameters = model.parameters()}).save("loss.svg");
Plot plot_graph(const Tensor& loss, const PlotGraphOptions& options = {},
                Where where = Where::current());

}  // namespace tenon
