#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "tenon/nn/module.h"

namespace tenon::nn {

/// Layers one after the other: add<Linear>("fc1", 784, 10, rng). Without layers it returns x.
class Sequential : public Module {
 public:
  /// Makes a layer from the arguments of its constructor and appends it.
  template <class T, class... Args>
  T& add(const Name& name, Args&&... args) {
    T& layer = child<T>(name, std::forward<Args>(args)...);
    layers_.push_back(&layer);
    return layer;
  }
  std::size_t size() const { return layers_.size(); }
  /// The i-th layer. Throws ShapeError unless i < size().
  Module& at(std::size_t i, Where where = Where::current()) const;

  Tensor forward(const Tensor& x) override;

 private:
  std::vector<Module*> layers_;
};

}  // namespace tenon::nn
