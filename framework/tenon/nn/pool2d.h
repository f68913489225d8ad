#pragma once

#include "tenon/nn/module.h"
#include "tenon/ops/pool2d.h"

namespace tenon::nn {

/// The average of each window.   x [N, C, H, W], y [N, C, H_out, W_out]. The stride is the kernel's
/// unless given.
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(Size2 kernel, const Pool2dOptions& options = {},
                     Where where = Where::current());
  Tensor forward(const Tensor& x) override;
  std::string details() const override;

 private:
  Size2 kernel_;
  Pool2dOptions options_;
};

/// The greatest element of each window.   x [N, C, H, W], y [N, C, H_out, W_out]. The stride is the
/// kernel's unless given.
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(Size2 kernel, const Pool2dOptions& options = {},
                     Where where = Where::current());
  Tensor forward(const Tensor& x) override;
  std::string details() const override;

 private:
  Size2 kernel_;
  Pool2dOptions options_;
};

}  // namespace tenon::nn
