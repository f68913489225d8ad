#include "tenon/kernels/dropout.h"

#include <algorithm>
#include <cmath>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/loop_internal.h"
#include "tenon/kernels/simd/dropout.h"

namespace tenon::kernels {

Tensor dropout_mask(const Shape& shape, const Strides& strides, double p, std::uint64_t key,
                    std::uint64_t call, std::int64_t first_element) {
  const KernelScope scope("dropout_mask", "simd");
  Tensor mask = make_tensor(shape, Dtype::boolean);
  bool* kept = fresh_elements<bool>(mask);
  const auto threshold = static_cast<std::uint64_t>(std::llround(p * 0x1p32));
  const std::int64_t end_element = first_element + shape.numel();
  const std::int64_t first_block = first_element / 4, blocks = (end_element + 3) / 4 - first_block;
  const auto one_by_one = [&](std::int64_t block) {
    const RandomBlock numbers =
        philox(key, static_cast<std::uint64_t>(block), kDropoutCounter | call);
    const std::int64_t from = std::max(first_element, 4 * block),
                       to = std::min(end_element, 4 * block + 4);
    for (std::int64_t i = from; i < to; ++i)
      kept[i - first_element] = numbers.words[i - 4 * block] >= threshold;
  };
  constexpr std::int64_t kGrain = 8192;  // some 20 us
  parallel_for(shape.numel() == 0 ? 0 : blocks, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t block = first_block + begin, last = first_block + end;
    if (4 * block < first_element) one_by_one(block++);
    if (last > block && 4 * last > end_element) one_by_one(--last);
    static_assert(sizeof(bool) == 1);
    if (last > block)
      simd::dropout_mask(key, static_cast<std::uint64_t>(block), kDropoutCounter | call, threshold,
                         last - block,
                         reinterpret_cast<std::uint8_t*>(kept + (4 * block - first_element)));
  });
  return strides == mask.strides() ? mask : copy_to_strides(mask, strides);
}

Tensor apply_mask(const Tensor& x, const Tensor& mask, double scale) {
  const bool is_simd = x.dtype() == Dtype::f32;
  const KernelScope scope("apply_mask", is_simd ? "simd" : "reference");
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x, &mask}), x.dtype());
  const Loop loop = make_loop(y, {&x, &mask});
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T factor = static_cast<T>(scale);
    const T* from = elements<T>(x);
    const bool* kept = elements<bool>(mask);
    T* to = fresh_elements<T>(y);
    constexpr double kNanoseconds = 0.25;
    for_each_run(loop, grain_for(kNanoseconds), [&](const Run& run) {
      if constexpr (sizeof(T) == sizeof(float)) {
        if (run.stride[0] == 1 && run.stride[1] == 1 && run.stride[2] == 1)
          return simd::apply_mask(from + run.offset[1],
                                  reinterpret_cast<const std::uint8_t*>(kept + run.offset[2]),
                                  factor, to + run.offset[0], run.count);
      }
      map_run(run, to, from, kept,
              [factor](T value, bool is_kept) { return is_kept ? value * factor : T(0); });
    });
  });
  return y;
}

}  // namespace tenon::kernels
