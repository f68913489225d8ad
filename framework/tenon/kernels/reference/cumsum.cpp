#include <type_traits>

#include "tenon/core/order_internal.h"
#include "tenon/kernels/reference/lines_internal.h"
#include "tenon/kernels/reference/reduce.h"

namespace tenon::kernels::reference {
namespace {

/// Lines that are added up by turns, so that an addition need not wait for the one before.
constexpr std::int64_t kTurns = 4;

/// `width` lines, at most kTurns, from these offsets in y and x on.
template <class Total, class Y, class T>
void lines_by_turns(const Lines& lines, const std::int64_t* y_at, const std::int64_t* x_at,
                    std::int64_t width, Y* y, const T* x) {
  const std::int64_t count = lines.count(), y_stride = lines.stride(0), x_stride = lines.stride(1);
  Total totals[kTurns] = {};
  if (width == kTurns) {
    for (std::int64_t c = 0; c < count; ++c)
      for (std::int64_t i = 0; i < kTurns; ++i) {
        totals[i] += static_cast<Total>(x[x_at[i] + c * x_stride]);
        y[y_at[i] + c * y_stride] = static_cast<Y>(totals[i]);
      }
    return;
  }
  for (std::int64_t i = 0; i < width; ++i)
    for (std::int64_t c = 0; c < count; ++c) {
      totals[i] += static_cast<Total>(x[x_at[i] + c * x_stride]);
      y[y_at[i] + c * y_stride] = static_cast<Y>(totals[i]);
    }
}

}  // namespace

Tensor cumsum(const Tensor& x, std::int64_t axis) {
  const auto along = static_cast<std::size_t>(axis < 0 ? axis + x.rank() : axis);
  const Dtype dtype = is_floating(x.dtype()) ? x.dtype() : Dtype::i64;
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x}), dtype);
  if (x.numel() == 0) return y;

  const Lines lines(along, {&y, &x});
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Y = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;
    using Total = std::conditional_t<std::is_floating_point_v<T>, double,
                                     std::uint64_t>;  // integers: modulo 2^64
    const T* from = elements<T>(x);
    Y* to = fresh_elements<Y>(y);
    if (!lines.side_by_side()) {
      parallel_for(lines.lines(), line_grain(lines, 1), [&](std::int64_t begin, std::int64_t end) {
        Walk to_walk(lines.nest(0), begin), from_walk(lines.nest(1), begin);
        for (std::int64_t line = begin; line < end; line += kTurns) {
          std::int64_t y_at[kTurns], x_at[kTurns];
          const std::int64_t width = std::min(kTurns, end - line);
          for (std::int64_t i = 0; i < width; ++i, to_walk.advance(1), from_walk.advance(1)) {
            y_at[i] = to_walk.offset();
            x_at[i] = from_walk.offset();
          }
          lines_by_turns<Total>(lines, y_at, x_at, width, to, from);
        }
      });
      return;
    }
    parallel_for_each_tile(lines, 1, [&](const LineTile& tile) {
      Total totals[kLineTile];
      std::fill_n(totals, tile.width, Total{0});
      for (std::int64_t c = 0; c < lines.count(); ++c)
        for (std::int64_t i = 0; i < tile.width; ++i) {
          totals[i] +=
              static_cast<Total>(from[tile.offset[1] + i * tile.step[1] + c * lines.stride(1)]);
          to[tile.offset[0] + i * tile.step[0] + c * lines.stride(0)] = static_cast<Y>(totals[i]);
        }
    });
  });
  return y;
}

}  // namespace tenon::kernels::reference
