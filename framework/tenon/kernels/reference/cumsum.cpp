#include <type_traits>

#include "tenon/core/order_internal.h"
#include "tenon/kernels/reference/lines_internal.h"
#include "tenon/kernels/reference/reduce.h"

namespace tenon::kernels::reference {

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
