#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reference/reduce_plan_internal.h"

namespace tenon::kernels::reference {

/// Lines that are worked on side by side when the axis is not the innermost.
inline constexpr std::int64_t kLineTile = 128;

/// The lines along one axis of up to four operands of one shape, in the order of the first
/// operand's memory. An operand may have stride 0 along the axis (a number a line).
class Lines {
 public:
  Lines(std::size_t axis, std::initializer_list<const Tensor*> operands);

  std::int64_t lines() const { return lines_; }
  /// Elements of a line.
  std::int64_t count() const { return count_; }
  /// What a step along the axis adds to the offset in an operand.
  std::int64_t stride(std::size_t operand) const { return strides_[operand]; }
  const Nest& nest(std::size_t operand) const { return nests_[operand]; }
  std::size_t operands() const { return operands_; }
  /// Whether several lines should be worked on side by side.
  bool side_by_side() const { return side_by_side_; }

 private:
  Nest nests_[4];
  std::int64_t strides_[4] = {};
  std::size_t operands_;
  std::int64_t lines_ = 1;
  std::int64_t count_;
  bool side_by_side_;
};

/// Neighbouring lines: element c of line i of an operand is at offset + i * step + c * stride.
struct LineTile {
  std::int64_t first;  ///< index of the first line
  std::int64_t width;  ///< number of lines, at most kLineTile
  std::int64_t offset[4];
  std::int64_t step[4];
};

/// Calls body(tile) for the lines [begin, end).
template <class Body>
void for_each_tile(const Lines& lines, std::int64_t begin, std::int64_t end, Body&& body) {
  const auto walk = [&](std::size_t i) {
    return Walk(lines.nest(std::min(i, lines.operands() - 1)), begin);
  };
  Walk walks[4] = {walk(0), walk(1), walk(2), walk(3)};
  LineTile tile{};
  for (std::size_t i = 0; i < lines.operands(); ++i) tile.step[i] = lines.nest(i).inner().stride;
  for (std::int64_t line = begin; line < end; line += tile.width) {
    tile.first = line;
    tile.width = lines.side_by_side() ? std::min(kLineTile, end - line) : 1;
    for (std::size_t i = 0; i < lines.operands(); ++i)
      tile.width = std::min(tile.width, walks[i].run());
    for (std::size_t i = 0; i < lines.operands(); ++i) {
      tile.offset[i] = walks[i].offset();
      walks[i].advance(tile.width);
    }
    body(tile);
  }
}

/// Lines a block, for about `element_nanoseconds` of work an element: some 20 us, whatever the
/// number of threads.
inline std::int64_t line_grain(const Lines& lines, std::int64_t element_nanoseconds) {
  constexpr std::int64_t kBlockNanoseconds = 30000;
  return std::max<std::int64_t>(
      1, kBlockNanoseconds / (element_nanoseconds * std::max<std::int64_t>(1, lines.count())));
}

/// body(tile) for all lines, in parallel blocks.
template <class Body>
void parallel_for_each_tile(const Lines& lines, std::int64_t element_nanoseconds, Body&& body) {
  parallel_for(
      lines.lines(), line_grain(lines, element_nanoseconds),
      [&](std::int64_t begin, std::int64_t end) { for_each_tile(lines, begin, end, body); });
}

}  // namespace tenon::kernels::reference
