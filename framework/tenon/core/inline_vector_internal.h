#pragma once

#include <cstddef>
#include <memory>

namespace tenon {

/// A vector whose size is set once; up to N elements are held inline.
template <class T, std::size_t N>
class InlineVector {
 public:
  InlineVector() = default;
  explicit InlineVector(std::size_t size) : size_(size) {
    if (size > N) more_ = std::make_unique<T[]>(size);
  }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  T* data() { return size_ <= N ? inline_ : more_.get(); }
  const T* data() const { return size_ <= N ? inline_ : more_.get(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

 private:
  T inline_[N] = {};
  std::unique_ptr<T[]> more_;
  std::size_t size_ = 0;
};

}  // namespace tenon
