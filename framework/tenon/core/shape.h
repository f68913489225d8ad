#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include "tenon/core/where.h"

namespace tenon {

inline constexpr std::size_t kMaxRank = 8;

/// The sizes of a tensor, one number an axis, rank 0 to 8, held inline. Also holds strides (in
/// elements). It keeps any numbers: whoever makes a tensor of it checks them. Throws ShapeError for
/// a rank above 8.
class Shape {
 public:
  constexpr Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes, Where where = Where::current());
  explicit Shape(const std::vector<std::int64_t>& sizes, Where where = Where::current());
  /// `rank` axes of `size` each.
  static Shape filled(std::size_t rank, std::int64_t size, Where where = Where::current());

  std::size_t rank() const { return rank_; }
  /// The product of the sizes; 1 for rank 0.
  std::int64_t numel() const {
    std::int64_t product = 1;
    for (const std::int64_t size : *this) product *= size;
    return product;
  }
  std::int64_t operator[](std::size_t axis) const { return sizes_[axis]; }
  std::int64_t& operator[](std::size_t axis) { return sizes_[axis]; }
  const std::int64_t* begin() const { return sizes_; }
  const std::int64_t* end() const { return sizes_ + rank_; }

  void push_back(std::int64_t size, Where where = Where::current());
  void erase(std::size_t axis);
  void insert(std::size_t axis, std::int64_t size, Where where = Where::current());

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (std::size_t i = 0; i < a.rank_; ++i)
      if (a.sizes_[i] != b.sizes_[i]) return false;
    return true;
  }

 private:
  std::int64_t sizes_[kMaxRank] = {};
  std::size_t rank_ = 0;
};

/// Elements to step over for the next index of each axis.
using Strides = Shape;

/// "[2, 3]"
std::string to_string(const Shape& shape);

/// A list of axes for reductions and the like: `1`, `-1`, `{1, 2}`; empty means every axis.
class Axes {
 public:
  constexpr Axes() = default;
  Axes(std::initializer_list<std::int64_t> axes, Where where = Where::current())
      : axes_(axes, where) {}
  /// One axis. A bool is no axis: `sum(x, true)` does not compile.
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Axes(T axis) : axes_({static_cast<std::int64_t>(axis)}) {}
  explicit Axes(const std::vector<std::int64_t>& axes, Where where = Where::current())
      : axes_(axes, where) {}

  bool empty() const { return axes_.rank() == 0; }
  std::size_t size() const { return axes_.rank(); }
  std::int64_t operator[](std::size_t i) const { return axes_[i]; }
  const std::int64_t* begin() const { return axes_.begin(); }
  const std::int64_t* end() const { return axes_.end(); }

 private:
  Shape axes_;
};

}  // namespace tenon
