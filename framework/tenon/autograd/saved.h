#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

/// Gradients, one an input (or output) of an operation, in order; an undefined tensor means none.
class Gradients {
 public:
  Gradients() = default;
  Gradients(std::initializer_list<Tensor> tensors);
  explicit Gradients(std::vector<Tensor> tensors);
  /// `count` undefined tensors.
  static Gradients undefined(std::size_t count);

  std::size_t size() const { return size_; }
  const Tensor& operator[](std::size_t i) const { return data()[i]; }
  Tensor& operator[](std::size_t i) { return const_cast<Tensor&>(data()[i]); }
  const Tensor* begin() const { return data(); }
  const Tensor* end() const { return data() + size_; }

 private:
  static constexpr std::size_t kInline = 4;  // nearly all operations have at most 4 inputs
  const Tensor* data() const { return size_ <= kInline ? inline_ : more_.data(); }

  Tensor inline_[kInline];
  std::vector<Tensor> more_;
  std::size_t size_ = 0;
};

/// Which inputs of an operation want a gradient: `if (needs[1]) ...`. A rule may leave the others
/// undefined.
class Needs {
 public:
  explicit Needs(const unsigned char* flags) : flags_(flags) {}
  bool operator[](std::size_t input) const { return flags_[input] != 0; }

 private:
  const unsigned char* flags_;
};

/// How a rule holds a tensor: with the version it had, so that a later in-place write is an error
/// instead of a wrong gradient.
class Saved {
 public:
  Saved() = default;
  /// An input of the operation, with its history.
  explicit Saved(const Tensor& x);
  /// An output of the operation: its values without history (no cycle). get() joins it to the
  /// running node again, so that second derivatives flow through it; it works inside that node's
  /// rule alone.
  static Saved output(const Tensor& y, int index = 0);

  /// The tensor. Throws GradientError when it was written to in between, or, for an output, outside
  /// a rule.
  Tensor get() const;
  /// Whether a tensor is held.
  bool defined() const { return tensor_.defined(); }
  const Shape& shape() const { return tensor_.shape(); }
  Dtype dtype() const { return tensor_.dtype(); }

 private:
  Tensor tensor_;
  std::uint32_t version_ = 0;
  int output_ = -1;
};

}  // namespace tenon
