#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random.h"
#include "tenon/data/tensor_dataset.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/ops.h"

namespace tenon {

/// Restores the number of threads.
class Training : public testing::Test {
 protected:
  ~Training() override { set_num_threads(threads_); }

 private:
  int threads_ = num_threads();
};

/// Three classes of images [1, 6, 6]: a convolution, maybe batch normalisation and dropout, linear.
class Net : public nn::Module {
 public:
  explicit Net(std::uint64_t seed, bool normalise = false, double dropout = 0) : rng_(seed) {
    conv_ = &child<nn::Conv2d>("conv", 1, 4, 3, rng_);
    if (normalise) norm_ = &child<nn::BatchNorm2d>("norm", 4);
    if (dropout > 0) dropout_ = &child<nn::Dropout>("dropout", dropout, rng_);
    head_ = &child<nn::Linear>("head", 64, 3, rng_);
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = (*conv_)(x);
    if (norm_) y = (*norm_)(y);
    y = flatten(relu(y), 1);
    if (dropout_) y = (*dropout_)(y);
    return (*head_)(y);
  }

 private:
  Rng rng_;
  nn::Conv2d* conv_;
  nn::BatchNorm2d* norm_ = nullptr;
  nn::Dropout* dropout_ = nullptr;
  nn::Linear* head_;
};

/// Random images with classes that can be learnt: that of the brightest third.
inline data::TensorDataset samples(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed);
  const Tensor images = Tensor::normal({count, 1, 6, 6}, rng);
  return data::TensorDataset(images, argmax(mean(reshape(images, {count, 3, 12}), {2}), 1));
}

inline data::Batch everything(const data::Dataset& set) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < set.size(); ++i) indices.push_back(i);
  return set.read(indices);
}

inline void expect_same_bits(const nn::Module& a, const nn::Module& b) {
  for (const auto& [list_a, list_b] :
       {std::pair{a.parameters(), b.parameters()}, std::pair{a.buffers(), b.buffers()}}) {
    ASSERT_EQ(list_a.size(), list_b.size());
    for (std::size_t i = 0; i < list_a.size(); ++i) {
      const auto x = list_a[i].tensor.to_vector<double>(), y = list_b[i].tensor.to_vector<double>();
      ASSERT_EQ(x.size(), y.size());
      EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)), 0) << list_a[i].name;
    }
  }
}

/// The first line of the error that `call` throws.
template <class E, class F>
std::string first_line(F call) {
  const std::string text = message_of<E>(call);
  return text.substr(0, text.find('\n'));
}

}  // namespace tenon
