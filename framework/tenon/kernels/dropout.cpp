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

namespace tenon::kernels {

Tensor dropout_mask(const Shape& shape, const Strides& strides, double p, std::uint64_t key,
                    std::uint64_t call, std::int64_t first_element) {
  const KernelScope scope("dropout_mask", "reference");
  Tensor mask = make_tensor(shape, Dtype::boolean);
  bool* kept = fresh_elements<bool>(mask);
  const auto threshold = static_cast<std::uint64_t>(std::llround(p * 0x1p32));
  const std::int64_t end_element = first_element + shape.numel();
  const std::int64_t first_block = first_element / 4, blocks = (end_element + 3) / 4 - first_block;
  constexpr std::int64_t kGrain = 1024;  // some 20 us
  parallel_for(shape.numel() == 0 ? 0 : blocks, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = first_block + begin; block < first_block + end; ++block) {
      const RandomBlock numbers =
          philox(key, static_cast<std::uint64_t>(block), kDropoutCounter | call);
      const std::int64_t from = std::max(first_element, 4 * block),
                         to = std::min(end_element, 4 * block + 4);
      for (std::int64_t i = from; i < to; ++i)
        kept[i - first_element] = numbers.words[i - 4 * block] >= threshold;
    }
  });
  return strides == mask.strides() ? mask : copy_to_strides(mask, strides);
}

Tensor apply_mask(const Tensor& x, const Tensor& mask, double scale) {
  const KernelScope scope("apply_mask", "reference");
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x, &mask}), x.dtype());
  const Loop loop = make_loop(y, {&x, &mask});
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T factor = static_cast<T>(scale);
    T* to = fresh_elements<T>(y);
    for_each_run(loop, grain_for(0.5), [&](const Run& run) {
      map_run(run, to, elements<T>(x), elements<bool>(mask),
              [factor](T value, bool kept) { return kept ? value * factor : T(0); });
    });
  });
  return y;
}

}  // namespace tenon::kernels
