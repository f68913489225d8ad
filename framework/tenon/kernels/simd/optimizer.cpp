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

void nadam_line(const NadamNumbers& numbers, float* p, const float* g, float* m, float* v,
                std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V keep = hn::Set(d, numbers.keep), decay = hn::Set(d, numbers.decay),
          part1 = hn::Set(d, numbers.part1);
  const V beta2 = hn::Set(d, numbers.beta2), part2 = hn::Set(d, numbers.part2);
  const V slope_step = hn::Set(d, numbers.slope_step),
          moment_step = hn::Set(d, numbers.moment_step);
  const V root = hn::Set(d, numbers.root), epsilon = hn::Set(d, numbers.epsilon);
  for_vectors(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const V value = hn::Mul(keep, load(p + i));
    const V slope = hn::Add(load(g + i), hn::Mul(decay, value));
    const V old_moment = load(m + i);
    const V moment = hn::Add(old_moment, hn::Mul(part1, hn::Sub(slope, old_moment)));
    const V square = hn::Add(hn::Mul(beta2, load(v + i)), hn::Mul(hn::Mul(part2, slope), slope));
    store(moment, m + i);
    store(square, v + i);
    const V step = hn::Add(hn::Mul(slope_step, slope), hn::Mul(moment_step, moment));
    const V root_square = hn::Add(hn::Div(hn::Sqrt(square), root), epsilon);
    store(hn::Sub(value, hn::Div(step, root_square)), p + i);
  });
}

void rmsprop_line(const RmspropNumbers& numbers, float* p, const float* g, float* s, float* mean,
                  float* m, std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V rate = hn::Set(d, numbers.rate), decay = hn::Set(d, numbers.decay);
  const V alpha = hn::Set(d, numbers.alpha), part = hn::Set(d, numbers.part);
  const V epsilon = hn::Set(d, numbers.epsilon), momentum = hn::Set(d, numbers.momentum);
  for_vectors(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const V value = load(p + i);
    const V slope = hn::Add(load(g + i), hn::Mul(decay, value));
    V square = hn::Add(hn::Mul(alpha, load(s + i)), hn::Mul(hn::Mul(part, slope), slope));
    store(square, s + i);
    if (mean != nullptr) {
      const V old_average = load(mean + i);
      const V average = hn::Add(old_average, hn::Mul(part, hn::Sub(slope, old_average)));
      store(average, mean + i);
      // Rounding can take it below zero; a NaN stays.
      square = hn::Sub(square, hn::Mul(average, average));
      square = hn::IfThenZeroElse(hn::Lt(square, hn::Zero(d)), square);
    }
    V step = hn::Div(slope, hn::Add(hn::Sqrt(square), epsilon));
    if (m != nullptr) {
      step = hn::Add(hn::Mul(momentum, load(m + i)), step);
      store(step, m + i);
    }
    store(hn::Sub(value, hn::Mul(rate, step)), p + i);
  });
}

void adagrad_line(const AdagradNumbers& numbers, float* p, const float* g, float* s,
                  std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V rate = hn::Set(d, numbers.rate), decay = hn::Set(d, numbers.decay),
          epsilon = hn::Set(d, numbers.epsilon);
  for_vectors(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const V value = load(p + i);
    const V slope = hn::Add(load(g + i), hn::Mul(decay, value));
    const V sum = hn::Add(load(s + i), hn::Mul(slope, slope));
    store(sum, s + i);
    const V root = hn::Add(hn::Sqrt(sum), epsilon);
    store(hn::Sub(value, hn::Div(hn::Mul(rate, slope), root)), p + i);
  });
}

void lion_line(const LionNumbers& numbers, float* p, const float* g, float* m, std::size_t count) {
  using V = FloatVector;
  const Floats d;
  const V rate = hn::Set(d, numbers.rate), keep = hn::Set(d, numbers.keep);
  const V beta1 = hn::Set(d, numbers.beta1), part1 = hn::Set(d, numbers.part1);
  const V beta2 = hn::Set(d, numbers.beta2), part2 = hn::Set(d, numbers.part2);
  const V zero = hn::Zero(d), one = hn::Set(d, 1.0f), minus_one = hn::Set(d, -1.0f);
  for_vectors(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const V slope = load(g + i), moment = load(m + i);
    const V mixed = hn::Add(hn::Mul(beta1, moment), hn::Mul(part1, slope));
    // Neither above nor below zero: zero, or a NaN that must not get lost.
    const V sign = hn::IfThenElse(hn::Gt(mixed, zero), one,
                                  hn::IfThenElse(hn::Lt(mixed, zero), minus_one, mixed));
    store(hn::Sub(hn::Mul(keep, load(p + i)), hn::Mul(rate, sign)), p + i);
    store(hn::Add(hn::Mul(beta2, moment), hn::Mul(part2, slope)), m + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(sgd_line);
HWY_EXPORT(adam_line);
HWY_EXPORT(nadam_line);
HWY_EXPORT(rmsprop_line);
HWY_EXPORT(adagrad_line);
HWY_EXPORT(lion_line);

void sgd(const SgdNumbers& numbers, float* p, const float* g, float* m, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(sgd_line)(numbers, p, g, m, static_cast<std::size_t>(count));
}

void adam(const AdamNumbers& numbers, float* p, const float* g, float* m, float* v, float* largest,
          std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(adam_line)(numbers, p, g, m, v, largest, static_cast<std::size_t>(count));
}

void nadam(const NadamNumbers& numbers, float* p, const float* g, float* m, float* v,
           std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(nadam_line)(numbers, p, g, m, v, static_cast<std::size_t>(count));
}

void rmsprop(const RmspropNumbers& numbers, float* p, const float* g, float* s, float* mean,
             float* m, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(rmsprop_line)(numbers, p, g, s, mean, m, static_cast<std::size_t>(count));
}

void adagrad(const AdagradNumbers& numbers, float* p, const float* g, float* s,
             std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(adagrad_line)(numbers, p, g, s, static_cast<std::size_t>(count));
}

void lion(const LionNumbers& numbers, float* p, const float* g, float* m, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(lion_line)(numbers, p, g, m, static_cast<std::size_t>(count));
}

}  // namespace tenon::kernels::simd
#endif
