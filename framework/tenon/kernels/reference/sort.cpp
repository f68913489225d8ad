#include "tenon/kernels/reference/sort.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "tenon/core/order_internal.h"
#include "tenon/kernels/reference/lines_internal.h"

namespace tenon::kernels::reference {
namespace {

template <class T>
struct Item {
  T value;
  std::int64_t index;
};

/// A total order: by value, NaN greatest, then by place.
template <class T, bool kDescending>
bool comes_before(const Item<T>& a, const Item<T>& b) {
  if (a.value < b.value) return !kDescending;
  if (a.value > b.value) return kDescending;
  if constexpr (std::is_floating_point_v<T>) {
    const bool a_is_nan = a.value != a.value;
    const bool b_is_nan = b.value != b.value;
    if (a_is_nan != b_is_nan) return kDescending ? a_is_nan : b_is_nan;
  }
  return a.index < b.index;
}

template <class T, bool kDescending>
void sort_lines(const Tensor& x, Sorted& sorted, std::size_t axis) {
  const std::int64_t k = sorted.values.shape()[axis];
  // The outputs may be shorter: their views of x's size along the axis are never read beyond k.
  const auto lengthened = [&](const Tensor& y) {
    return make_view(y, x.shape(), y.strides(), y.impl()->offset);
  };
  const Tensor values = lengthened(sorted.values);
  const Tensor indices = lengthened(sorted.indices);
  const Lines lines(axis, {&values, &indices, &x});
  T* values_to = fresh_elements<T>(sorted.values);
  std::int64_t* indices_to = fresh_elements<std::int64_t>(sorted.indices);
  const T* from = elements<T>(x);
  constexpr std::int64_t kSortNanoseconds = 50;
  parallel_for(lines.lines(), line_grain(lines, kSortNanoseconds),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<Item<T>> items(static_cast<std::size_t>(lines.count()));
                 const auto last = items.begin() + k;
                 for_each_tile(lines, begin, end, [&](const LineTile& tile) {
                   for (std::int64_t i = 0; i < tile.width; ++i) {
                     for (std::int64_t c = 0; c < lines.count(); ++c)
                       items[static_cast<std::size_t>(c)] = {
                           from[tile.offset[2] + i * tile.step[2] + c * lines.stride(2)], c};
                     if (last == items.end())
                       std::sort(items.begin(), last, comes_before<T, kDescending>);
                     else
                       std::partial_sort(items.begin(), last, items.end(),
                                         comes_before<T, kDescending>);
                     for (std::int64_t c = 0; c < k; ++c) {
                       values_to[tile.offset[0] + i * tile.step[0] + c * lines.stride(0)] =
                           items[static_cast<std::size_t>(c)].value;
                       indices_to[tile.offset[1] + i * tile.step[1] + c * lines.stride(1)] =
                           items[static_cast<std::size_t>(c)].index;
                     }
                   }
                 });
               });
}

}  // namespace

Sorted sort(const Tensor& x, std::size_t axis, std::int64_t k, bool descending) {
  Shape shape = x.shape();
  shape[axis] = k;
  const Strides strides =
      k == x.shape()[axis] ? output_order(shape, {&x}) : contiguous_strides(shape);
  Sorted sorted{make_tensor(shape, strides, x.dtype()), make_tensor(shape, strides, Dtype::i64)};
  if (shape.numel() == 0) return sorted;
  visit_dtype(x.dtype(), [&](auto zero) {
    // Booleans are ordered as bytes.
    using T =
        std::conditional_t<std::is_same_v<decltype(zero), bool>, std::uint8_t, decltype(zero)>;
    if (descending)
      sort_lines<T, true>(x, sorted, axis);
    else
      sort_lines<T, false>(x, sorted, axis);
  });
  return sorted;
}

}  // namespace tenon::kernels::reference
