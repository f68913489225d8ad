#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tenon/core/parallel.h"
#include "tenon/core/random.h"
#include "tenon/core/tensor.h"
#include "tenon/data/dataset.h"
#include "tenon/nn/module.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/loss.h"

namespace tenon {

/// Restores the number of threads.
class Shards : public testing::Test {
 protected:
  ~Shards() override { set_num_threads(threads_); }

 private:
  int threads_ = num_threads();
};

inline data::Batch images(std::int64_t samples, std::int64_t size, Rng& rng) {
  return {Tensor::normal({samples, 1, size, size}, rng), Tensor::randint(0, 10, {samples}, rng)};
}

/// The sum of the losses of a shard.
inline auto cross_entropy_of(nn::Module& model) {
  return [&model](const data::Batch& shard) {
    return cross_entropy(model(shard.inputs), shard.targets, {.reduction = Reduction::sum});
  };
}

inline void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

/// y = w x summed: a model whose gradients are exact in floating point for small integers.
class Weight : public nn::Module {
 public:
  explicit Weight(double value = 2) : w(register_parameter("w", Tensor::full({1}, value))) {}
  Tensor forward(const Tensor& x) override { return w * x; }
  Tensor& w;
};

inline Tensor numbers(std::int64_t count) {
  return Tensor::arange(1.0, static_cast<double>(count) + 1);
}

}  // namespace tenon
