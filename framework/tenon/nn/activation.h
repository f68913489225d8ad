#pragma once

#include "tenon/nn/module.h"

/// One module an activation: y has x's shape. The formulas are those of the operations of the same
/// name.
namespace tenon::nn {

class Tanh : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

class Relu : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

class LeakyRelu : public Module {
 public:
  explicit LeakyRelu(double slope = 0.01) : slope_(slope) {}
  Tensor forward(const Tensor& x) override;

 private:
  double slope_;
};

class Elu : public Module {
 public:
  explicit Elu(double alpha = 1.0) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) override;

 private:
  double alpha_;
};

class Gelu : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

class Silu : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

class Softplus : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

/// Over one axis, by default the last.
class Softmax : public Module {
 public:
  explicit Softmax(std::int64_t axis = -1) : axis_(axis) {}
  Tensor forward(const Tensor& x) override;

 private:
  std::int64_t axis_;
};

/// Over one axis, by default the last.
class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(std::int64_t axis = -1) : axis_(axis) {}
  Tensor forward(const Tensor& x) override;

 private:
  std::int64_t axis_;
};

}  // namespace tenon::nn
