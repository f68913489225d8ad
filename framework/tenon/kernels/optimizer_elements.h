#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"

namespace tenon::kernels {

/// About 20 us of updates.
inline constexpr std::int64_t kUpdateGrain = 1 << 14;

/// Whether both lay their elements at the same places; axes of size 1 match any stride.
inline bool same_places(const Tensor& a, const Tensor& b) {
  for (std::size_t axis = 0; axis < a.shape().rank(); ++axis)
    if (a.shape()[axis] != 1 && a.strides()[axis] != b.strides()[axis]) return false;
  return true;
}

/// Calls body(pointers, begin, end) over blocks of elements that lie at the same places in memory:
/// pointers are those of p, the gradient and each state (null where undefined). Copies to a common
/// layout where they do not.
template <class T, std::size_t count, class Body>
void for_elements(KernelScope& scope, Tensor& p, const Tensor& g,
                  const std::array<Tensor*, count>& states, Body body) {
  const bool dense = is_dense(p.shape(), p.strides());
  const Strides strides = dense ? p.strides() : contiguous_strides(p.shape());
  Tensor parameter = dense ? p : copy_to_strides(p, strides);
  if (!dense) scope.count_reorder();

  const auto placed = [&](const Tensor& x) {
    if (!x.defined() || same_places(x, parameter)) return x;
    scope.count_reorder();
    return copy_to_strides(x, strides);
  };
  const Tensor gradient = placed(g);
  std::array<Tensor, count> state;
  std::array<T*, count> to{};
  for (std::size_t i = 0; i < count; ++i) {
    state[i] = placed(*states[i]);
    if (state[i].defined()) to[i] = fresh_elements<T>(state[i]);
  }

  T* const values = fresh_elements<T>(parameter);
  const T* const slopes = elements<T>(gradient);
  parallel_for(p.numel(), kUpdateGrain,
               [&](std::int64_t begin, std::int64_t end) { body(values, slopes, to, begin, end); });

  const auto put_back = [](Tensor& x, const Tensor& placed_x) {
    if (!x.defined()) return;
    if (x.impl() != placed_x.impl())
      copy(x, placed_x);
    else
      bump_version(x);
  };
  put_back(p, parameter);
  for (std::size_t i = 0; i < count; ++i) put_back(*states[i], state[i]);
}

}  // namespace tenon::kernels
