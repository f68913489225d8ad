#include "tenon/kernels/simd/reduce.h"

#include <algorithm>
#include <cmath>

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

using reference::ReducePlan;
using reference::Walk;

/// Rows that are read side by side, and added up in pairs.
constexpr std::size_t kRows = 8;

/// visit(pointers to the next rows, how many) for the reduced elements [begin, end), kRows at a
/// time.
template <class Visit>
HWY_INLINE void for_rows(const ReducePlan& plan, const float* x, std::int64_t begin,
                         std::int64_t end, Visit visit) {
  const float* rows[kRows];
  Walk walk(plan.reduced, begin);
  for (std::int64_t at = begin; at < end;) {
    const auto count = static_cast<std::size_t>(
        std::min<std::int64_t>(static_cast<std::int64_t>(kRows), end - at));
    for (std::size_t r = 0; r < count; ++r, walk.advance(1)) rows[r] = x + walk.offset();
    visit(rows, count);
    at += static_cast<std::int64_t>(count);
  }
}

template <class Access>
HWY_INLINE FloatVector sum_rows(Access access, const float* const* rows, std::size_t count,
                                std::size_t at) {
  const Floats d;
  const auto row = [=](std::size_t r) HWY_ATTR { return access.load(d, rows[r] + at); };
  if (count == kRows)
    return hn::Add(hn::Add(hn::Add(row(0), row(1)), hn::Add(row(2), row(3))),
                   hn::Add(hn::Add(row(4), row(5)), hn::Add(row(6), row(7))));
  FloatVector sum = row(0);
  for (std::size_t r = 1; r < count; ++r) sum = hn::Add(sum, row(r));
  return sum;
}

void sum_columns(const ReducePlan& plan, const float* x, std::size_t width, std::int64_t begin,
                 std::int64_t end, double* sums) {
  const std::size_t lanes = hn::Lanes(Floats());
  std::fill_n(sums, width, 0.0);
  for_rows(plan, x, begin, end, [=](const float* const* rows, std::size_t count) HWY_ATTR {
    std::size_t i = 0;
    for (; i + lanes <= width; i += lanes)
      add_doubles(sum_rows(AllLanes(), rows, count, i), sums + i);
    if (i < width)
      add_doubles(sum_rows(FirstLanes{width - i}, rows, count, i), sums + i, width - i);
  });
}

/// The greatest of both, a NaN if one is; negated numbers for the least.
HWY_INLINE FloatVector greater_or_nan(FloatVector best, FloatVector x) {
  // On x86 Max gives its second operand if one is NaN: a NaN in `best` stays.
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Max(x, best));
}

struct Greatest {
  static HWY_INLINE FloatVector start() { return hn::Set(Floats(), -HUGE_VALF); }
  static HWY_INLINE FloatVector of(FloatVector x) { return x; }
};
struct Least {
  static HWY_INLINE FloatVector start() { return hn::Set(Floats(), -HUGE_VALF); }
  static HWY_INLINE FloatVector of(FloatVector x) { return hn::Neg(x); }
};

template <class E>
void extreme_columns(const ReducePlan& plan, const float* x, std::size_t width, std::int64_t begin,
                     std::int64_t end, float* values) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const float first = hn::GetLane(E::of(E::start()));
  std::fill_n(values, width, first);
  for_rows(plan, x, begin, end, [=](const float* const* rows, std::size_t count) HWY_ATTR {
    const auto update = [=](auto access, std::size_t i) HWY_ATTR {
      FloatVector best = E::of(access.load(d, values + i));
      for (std::size_t r = 0; r < count; ++r)
        best = greater_or_nan(best, E::of(access.load(d, rows[r] + i)));
      access.store(E::of(best), d, values + i);
    };
    std::size_t i = 0;
    for (; i + lanes <= width; i += lanes) update(AllLanes(), i);
    if (i < width) update(FirstLanes{width - i}, i);
  });
}

template <class E>
HWY_INLINE FloatVector extreme_run(FloatVector best, const float* x, std::size_t count) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  FloatVector other = best;
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    best = greater_or_nan(best, E::of(hn::LoadU(d, x + i)));
    other = greater_or_nan(other, E::of(hn::LoadU(d, x + i + lanes)));
  }
  for (; i + lanes <= count; i += lanes) best = greater_or_nan(best, E::of(hn::LoadU(d, x + i)));
  if (i < count) {
    const std::size_t rest = count - i;
    const FloatVector last = E::of(FirstLanes{rest}.load(d, x + i));
    other = greater_or_nan(other, hn::IfThenElse(hn::FirstN(d, rest), last, E::start()));
  }
  return greater_or_nan(best, other);
}

HWY_INLINE float greatest_lane(FloatVector v) {
  const Floats d;
  HWY_ALIGN float lanes[hn::MaxLanes(Floats())];
  hn::Store(v, d, lanes);
  float best = lanes[0];
  for (std::size_t i = 1; i < hn::Lanes(d); ++i)
    if (lanes[i] > best || lanes[i] != lanes[i]) best = lanes[i];
  return best;
}

/// visit(run, its length) for the contiguous runs of the reduced elements [begin, end).
template <class Visit>
HWY_INLINE void for_runs(const ReducePlan& plan, const float* x, std::int64_t begin,
                         std::int64_t end, Visit visit) {
  if (plan.reduced.depth() == 1) return visit(x + begin, static_cast<std::size_t>(end - begin));
  Walk walk(plan.reduced, begin);
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t run = std::min(walk.run(), end - at);
    visit(x + walk.offset(), static_cast<std::size_t>(run));
    walk.advance(run);
    at += run;
  }
}

double sum_row(const ReducePlan& plan, const float* x, std::int64_t begin, std::int64_t end) {
  const Floats d;
  double total = 0;
  for_runs(plan, x, begin, end, [&](const float* run, std::size_t count) HWY_ATTR {
    total += sum_terms(
        count, [=](std::size_t i, auto access) HWY_ATTR { return access.load(d, run + i); });
  });
  return total;
}

template <class E>
float extreme_row(const ReducePlan& plan, const float* x, std::int64_t begin, std::int64_t end) {
  FloatVector best = E::start();
  for_runs(plan, x, begin, end, [&](const float* run, std::size_t count) HWY_ATTR {
    best = extreme_run<E>(best, run, count);
  });
  return greatest_lane(best);
}

/// Calls columns(x, width, first result) or row(x, result) for the kept elements.
template <class Columns, class Row>
HWY_INLINE void for_kept(const ReducePlan& plan, const float* x, std::int64_t kept_begin,
                         std::int64_t kept_end, Columns columns, Row row) {
  constexpr std::int64_t kWidth = 1024;  // with its results in double it stays in the first cache
  const bool is_columns = takes_columns(plan);
  Walk walk(plan.kept, kept_begin);
  for (std::int64_t k = kept_begin; k < kept_end;) {
    const std::int64_t width = is_columns ? std::min({walk.run(), kept_end - k, kWidth}) : 1;
    if (is_columns)
      columns(x + walk.offset(), static_cast<std::size_t>(width), k - kept_begin);
    else
      row(x + walk.offset(), k - kept_begin);
    walk.advance(width);
    k += width;
  }
}

void sum_block(const ReducePlan& plan, const float* x, std::int64_t kept_begin,
               std::int64_t kept_end, std::int64_t begin, std::int64_t end, double* sums) {
  for_kept(
      plan, x, kept_begin, kept_end,
      [&](const float* from, std::size_t width, std::int64_t k)
          HWY_ATTR { sum_columns(plan, from, width, begin, end, sums + k); },
      [&](const float* from, std::int64_t k)
          HWY_ATTR { sums[k] = sum_row(plan, from, begin, end); });
}

template <class E>
HWY_INLINE void extreme_of(const ReducePlan& plan, const float* x, std::int64_t kept_begin,
                           std::int64_t kept_end, std::int64_t begin, std::int64_t end,
                           float* values) {
  const float sign = std::is_same_v<E, Least> ? -1.0f : 1.0f;
  for_kept(
      plan, x, kept_begin, kept_end,
      [&](const float* from, std::size_t width, std::int64_t k)
          HWY_ATTR { extreme_columns<E>(plan, from, width, begin, end, values + k); },
      [&](const float* from, std::int64_t k)
          HWY_ATTR { values[k] = sign * extreme_row<E>(plan, from, begin, end); });
}

void extreme_block(const ReducePlan& plan, Extreme which, const float* x, std::int64_t kept_begin,
                   std::int64_t kept_end, std::int64_t begin, std::int64_t end, float* values) {
  if (which == Extreme::greatest)
    extreme_of<Greatest>(plan, x, kept_begin, kept_end, begin, end, values);
  else
    extreme_of<Least>(plan, x, kept_begin, kept_end, begin, end, values);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(sum_block);
HWY_EXPORT(extreme_block);

bool takes_columns(const reference::ReducePlan& plan) {
  return plan.kept.inner().stride == 1 && plan.kept.inner().size >= 8;
}
bool takes(const reference::ReducePlan& plan) {
  return takes_columns(plan) || plan.reduced.inner().stride == 1;
}

void sum(const reference::ReducePlan& plan, const float* x, std::int64_t kept_begin,
         std::int64_t kept_end, std::int64_t begin, std::int64_t end, double* sums) {
  HWY_DYNAMIC_DISPATCH(sum_block)(plan, x, kept_begin, kept_end, begin, end, sums);
}

void extreme(const reference::ReducePlan& plan, Extreme which, const float* x,
             std::int64_t kept_begin, std::int64_t kept_end, std::int64_t begin, std::int64_t end,
             float* values) {
  HWY_DYNAMIC_DISPATCH(extreme_block)(plan, which, x, kept_begin, kept_end, begin, end, values);
}

}  // namespace tenon::kernels::simd
#endif
