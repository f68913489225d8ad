#pragma once

#include "tenon/nn/module.h"

namespace tenon::nn {

struct BatchNormOptions {
  double momentum = 0.1;  ///< running = (1 - momentum) * running + momentum * new
  double epsilon = 1e-5;
  bool affine = true;  ///< whether there are a weight and a bias
};

/// y = (x - mean) / sqrt(variance + epsilon) * w + b, each channel by itself. In training mean and
/// (biased) variance are those of the batch, and the running ones move towards the mean and the
/// unbiased variance; in evaluation they are the running ones. Ioffe and Szegedy 2015. Training
/// needs more than one value a channel (ShapeError), and in shards {.batch_norm =
/// BatchNormInShards::per_shard} (Error). Parameters: weight [C], ones; bias [C], zero. Buffers:
/// running_mean [C], zero; running_var [C], ones.
class BatchNorm : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  bool couples_samples() const override { return true; }
  /// Undefined without them.
  Tensor weight() const { return weight_ ? *weight_ : Tensor(); }
  Tensor bias() const { return bias_ ? *bias_ : Tensor(); }
  Tensor running_mean() const { return *running_mean_; }
  Tensor running_var() const { return *running_var_; }

 protected:
  BatchNorm(const char* layer, std::int64_t channels, const BatchNormOptions& options, Where where);

 private:
  /// Throws ShapeError for a rank that the layer does not take.
  virtual void check_rank(const Tensor& x, Where where) const = 0;

  BatchNormOptions options_;
  Tensor* weight_ = nullptr;
  Tensor* bias_ = nullptr;
  Tensor* running_mean_;
  Tensor* running_var_;
};

/// For x [N, C] or [N, C, L].
class BatchNorm1d : public BatchNorm {
 public:
  explicit BatchNorm1d(std::int64_t channels, const BatchNormOptions& options = {},
                       Where where = Where::current())
      : BatchNorm("BatchNorm1d", channels, options, where) {}

 private:
  void check_rank(const Tensor& x, Where where) const override;
};

/// For x [N, C, H, W].
class BatchNorm2d : public BatchNorm {
 public:
  explicit BatchNorm2d(std::int64_t channels, const BatchNormOptions& options = {},
                       Where where = Where::current())
      : BatchNorm("BatchNorm2d", channels, options, where) {}

 private:
  void check_rank(const Tensor& x, Where where) const override;
};

}  // namespace tenon::nn
