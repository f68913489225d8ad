#include "tenon/kernels/reference/lines_internal.h"

namespace tenon::kernels::reference {

Lines::Lines(std::size_t axis, std::initializer_list<const Tensor*> operands)
    : operands_(operands.size()) {
  const Tensor& first = **operands.begin();
  const Shape& shape = first.shape();
  count_ = shape[axis];
  std::size_t order[kMaxRank];
  for (std::size_t i = 0; i < shape.rank(); ++i) order[i] = i;
  std::stable_sort(order, order + shape.rank(), [&](std::size_t a, std::size_t b) {
    return first.strides()[a] > first.strides()[b];
  });
  std::size_t index = 0;
  for (const Tensor* operand : operands) {
    Nest& nest = nests_[index];
    for (std::size_t i = 0; i < shape.rank(); ++i)
      if (order[i] != axis) nest.push(shape[order[i]], operand->strides()[order[i]]);
    nest.close();
    strides_[index++] = operand->strides()[axis];
  }
  lines_ = nests_[0].numel();
  const Loop& inner = nests_[0].inner();
  constexpr std::int64_t kShort = 64;  // such a tile stays in the first cache in either order
  side_by_side_ = inner.size > 1 && (inner.stride < strides_[0] || count_ <= kShort);
}

}  // namespace tenon::kernels::reference
