#include <algorithm>

#include "tenon/kernels/reference/reduce_plan_internal.h"

namespace tenon::kernels::reference {

void Nest::push(std::int64_t size, std::int64_t stride) {
  numel_ *= size;
  if (size == 1) return;
  if (count_ > 0 && loops_[count_ - 1].stride == size * stride) {
    loops_[count_ - 1] = {loops_[count_ - 1].size * size, stride};
    return;
  }
  loops_[count_++] = {size, stride};
}

void Nest::close() {
  if (count_ == 0) loops_[count_++] = {1, 1};
}

std::int64_t Nest::offset(std::int64_t index) const {
  std::int64_t offset = 0;
  for (std::size_t i = count_; i-- > 1;) {
    offset += index % loops_[i].size * loops_[i].stride;
    index /= loops_[i].size;
  }
  return offset + index * loops_[0].stride;
}

Walk::Walk(const Nest& nest, std::int64_t index)
    : nest_(nest), offset_(nest.numel() > 0 ? nest.offset(index) : 0) {
  for (std::size_t i = nest.depth(); i-- > 1;) {
    at_[i] = nest[i].size > 0 ? index % nest[i].size : 0;
    if (nest[i].size > 0) index /= nest[i].size;
  }
  at_[0] = index;
}

void Walk::advance(std::int64_t steps) {
  std::size_t i = nest_.depth() - 1;
  at_[i] += steps;
  offset_ += steps * nest_[i].stride;
  while (i > 0 && at_[i] == nest_[i].size) {
    offset_ -= at_[i] * nest_[i].stride;
    at_[i] = 0;
    --i;
    ++at_[i];
    offset_ += nest_[i].stride;
  }
}

ReducePlan reduce_plan(const Tensor& x, const Axes& axes, bool keepdim) {
  const Shape& shape = x.shape();
  const Strides& strides = x.strides();
  const std::size_t rank = shape.rank();
  bool is_reduced[kMaxRank] = {};
  for (const std::int64_t axis : axes) is_reduced[axis < 0 ? axis + x.rank() : axis] = true;
  if (axes.empty()) std::fill_n(is_reduced, rank, true);

  std::size_t order[kMaxRank];
  for (std::size_t i = 0; i < rank; ++i) order[i] = i;
  const auto by_stride = [&](std::size_t a, std::size_t b) { return strides[a] > strides[b]; };
  bool is_expanded = false;
  for (std::size_t i = 0; i < rank; ++i)
    is_expanded |= !is_reduced[i] && strides[i] == 0 && shape[i] > 1;
  std::size_t kept_order[kMaxRank];
  std::copy_n(order, rank, kept_order);
  std::stable_sort(order, order + rank, by_stride);
  if (!is_expanded) std::copy_n(order, rank, kept_order);

  ReducePlan plan;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t kept = kept_order[i];
    if (!is_reduced[kept]) plan.kept.push(shape[kept], strides[kept]);
    if (is_reduced[order[i]]) plan.reduced.push(shape[order[i]], strides[order[i]]);
  }
  plan.kept.close();
  plan.reduced.close();

  std::int64_t dense[kMaxRank];
  std::int64_t step = 1;
  for (std::size_t i = rank; i-- > 0;) {
    const std::size_t axis = kept_order[i];
    dense[axis] = step;
    if (!is_reduced[axis]) step *= std::max<std::int64_t>(shape[axis], 1);
  }
  for (std::size_t i = 0; i < rank; ++i) {
    if (is_reduced[i] && !keepdim) continue;
    plan.shape.push_back(is_reduced[i] ? 1 : shape[i]);
    plan.strides.push_back(dense[i]);
  }
  return plan;
}

}  // namespace tenon::kernels::reference
