#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

/// A parameter or buffer and its dotted name, "block.conv1.weight".
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// An ordered list of named tensors. Tensors are handles: writing to one writes to the module's.
///   for (auto [name, tensor] : net.parameters()) ...
class ParameterList {
 public:
  ParameterList() = default;
  ParameterList(std::initializer_list<NamedTensor> tensors) : tensors_(tensors) {}
  explicit ParameterList(std::vector<NamedTensor> tensors) : tensors_(std::move(tensors)) {}

  const NamedTensor* begin() const { return tensors_.data(); }
  const NamedTensor* end() const { return tensors_.data() + tensors_.size(); }
  std::size_t size() const { return tensors_.size(); }
  bool empty() const { return tensors_.empty(); }
  const NamedTensor& operator[](std::size_t i) const { return tensors_[i]; }
  void push_back(NamedTensor tensor) { tensors_.push_back(std::move(tensor)); }

  bool contains(std::string_view name) const;
  /// The tensor of that name. Throws an Error that lists the names there are.
  Tensor at(std::string_view name, Where where = Where::current()) const;

 private:
  std::vector<NamedTensor> tensors_;
};

}  // namespace tenon
