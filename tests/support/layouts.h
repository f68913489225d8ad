#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {

/// x's values in another memory order, as a leaf.
inline Tensor in_order(const Tensor& x, Order order) {
  const NoGradGuard no_grad;
  Tensor y = make_tensor(x.shape(), strides_in_order(x.shape(), order), x.dtype());
  y.copy_from(x);
  return y;
}

/// x's values as a view that skips every other element of the last axis and starts at an offset.
inline Tensor sliced(const Tensor& x) {
  const NoGradGuard no_grad;
  if (x.rank() == 0) return x;
  Shape wide = x.shape();
  const std::size_t last = wide.rank() - 1;
  wide[last] = 2 * wide[last] + 1;
  Tensor memory = make_tensor(wide, x.dtype());
  Strides strides = memory.strides();
  strides[last] = 2;
  Tensor view = make_view(memory, x.shape(), strides, 1);
  view.copy_from(x);
  return view;
}

/// The same values in every memory layout that kernels must take.
inline std::vector<std::pair<std::string, Tensor>> layouts(const Tensor& x) {
  std::vector<std::pair<std::string, Tensor>> all{{"rows", in_order(x, Order::rows)},
                                                  {"sliced", sliced(x)}};
  if (x.rank() >= 2) all.emplace_back("batch-inner", in_order(x, Order::batch_inner));
  if (x.rank() >= 3) all.emplace_back("channels-last", in_order(x, Order::channels_last));
  return all;
}

}  // namespace tenon
