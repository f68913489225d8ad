#pragma once

#include "tenon/nn/module.h"

namespace tenon::nn {

/// Joins the axes from start_axis to end_axis, by default all but the batch: [N, C, H, W] -> [N, C
/// H W].
class Flatten : public Module {
 public:
  explicit Flatten(std::int64_t start_axis = 1, std::int64_t end_axis = -1)
      : start_axis_(start_axis), end_axis_(end_axis) {}
  Tensor forward(const Tensor& x) override;

 private:
  std::int64_t start_axis_;
  std::int64_t end_axis_;
};

}  // namespace tenon::nn
