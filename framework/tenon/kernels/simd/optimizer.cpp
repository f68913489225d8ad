#include "tenon/kernels/simd/optimizer.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/optimizer.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// Calls update(i, load, store) for whole vectors, then for the rest with partial ones.
template <class Update>
HWY_INLINE void for_vectors(std::size_t count, Update update) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    update(
        i, [d](const float* x) HWY_ATTR { return hn::LoadU(d, x); },
        [d](FloatVector x, float* y) HWY_ATTR { hn::StoreU(x, d, y); });
  const std::size_t rest = count - i;
  if (rest > 0)
    update(
        i, [d, rest](const float* x) HWY_ATTR { return FirstLanes{rest}.load(d, x); },
        [d, rest](FloatVector x, float* y) HWY_ATTR { FirstLanes{rest}.store(x, d, y); });
}

void sgd_line(const SgdNumbers& numbers, float* p, const float* g, float* m, std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V rate = hn::Set(d, numbers.rate), decay = hn::Set(d, numbers.decay);
  const V old_part = hn::Set(d, numbers.old_part), new_part = hn::Set(d, numbers.new_part);
  const V slope_part = hn::Set(d, numbers.slope_part),
          momentum_part = hn::Set(d, numbers.momentum_part);
  for_vectors(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const V value = load(p + i);
    V step = hn::Add(load(g + i), hn::Mul(decay, value));
    if (m != nullptr) {
      const V moment = hn::Add(hn::Mul(old_part, load(m + i)), hn::Mul(new_part, step));
      store(moment, m + i);
      step = hn::Add(hn::Mul(slope_part, step), hn::Mul(momentum_part, moment));
    }
    store(hn::Sub(value, hn::Mul(rate, step)), p + i);
  });
}

void adam_line(const AdamNumbers& numbers, float* p, const float* g, float* m, float* v,
               float* largest, std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V keep = hn::Set(d, numbers.keep), decay = hn::Set(d, numbers.decay),
          part1 = hn::Set(d, numbers.part1);
  const V beta2 = hn::Set(d, numbers.beta2), part2 = hn::Set(d, numbers.part2),
          step = hn::Set(d, numbers.step);
  const V root = hn::Set(d, numbers.root), epsilon = hn::Set(d, numbers.epsilon);
  for_vectors(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const V value = hn::Mul(keep, load(p + i));
    const V slope = hn::Add(load(g + i), hn::Mul(decay, value));
    const V old_moment = load(m + i);
    const V moment = hn::Add(old_moment, hn::Mul(part1, hn::Sub(slope, old_moment)));
    V square = hn::Add(hn::Mul(beta2, load(v + i)), hn::Mul(hn::Mul(part2, slope), slope));
    store(moment, m + i);
    store(square, v + i);
    if (largest != nullptr) {
      const V most = load(largest + i);
      square = hn::IfThenElse(hn::Lt(most, square), square, most);
      store(square, largest + i);
    }
    const V root_square = hn::Add(hn::Div(hn::Sqrt(square), root), epsilon);
    store(hn::Sub(value, hn::Div(hn::Mul(step, moment), root_square)), p + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(sgd_line);
HWY_EXPORT(adam_line);

void sgd(const SgdNumbers& numbers, float* p, const float* g, float* m, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(sgd_line)(numbers, p, g, m, static_cast<std::size_t>(count));
}

void adam(const AdamNumbers& numbers, float* p, const float* g, float* m, float* v, float* largest,
          std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(adam_line)(numbers, p, g, m, v, largest, static_cast<std::size_t>(count));
}

}  // namespace tenon::kernels::simd
#endif
