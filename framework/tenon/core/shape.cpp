#include "tenon/core/shape.h"

#include <fmt/format.h>

#include "tenon/core/fault_internal.h"

namespace tenon {
namespace {

void check_rank(std::size_t rank, Where where) {
  if (rank > kMaxRank)
    Fault("shape", where)
        .raise<ShapeError>(
            fmt::format("a tensor has at most {} axes, but {} were given", kMaxRank, rank));
}

}  // namespace

Shape::Shape(std::initializer_list<std::int64_t> sizes, Where where) {
  check_rank(sizes.size(), where);
  for (const std::int64_t size : sizes) sizes_[rank_++] = size;
}

Shape::Shape(const std::vector<std::int64_t>& sizes, Where where) {
  check_rank(sizes.size(), where);
  for (const std::int64_t size : sizes) sizes_[rank_++] = size;
}

Shape Shape::filled(std::size_t rank, std::int64_t size, Where where) {
  check_rank(rank, where);
  Shape shape;
  for (; shape.rank_ < rank; ++shape.rank_) shape.sizes_[shape.rank_] = size;
  return shape;
}

void Shape::push_back(std::int64_t size, Where where) {
  check_rank(rank_ + 1, where);
  sizes_[rank_++] = size;
}

void Shape::erase(std::size_t axis) {
  for (std::size_t i = axis + 1; i < rank_; ++i) sizes_[i - 1] = sizes_[i];
  sizes_[--rank_] = 0;
}

void Shape::insert(std::size_t axis, std::int64_t size, Where where) {
  check_rank(rank_ + 1, where);
  for (std::size_t i = rank_++; i > axis; --i) sizes_[i] = sizes_[i - 1];
  sizes_[axis] = size;
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

}  // namespace tenon
