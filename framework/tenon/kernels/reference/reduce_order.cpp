#include <cstdint>
#include <limits>
#include <type_traits>

#include "tenon/kernels/reference/reduce.h"
#include "tenon/kernels/reference/reduce_loop_internal.h"

namespace tenon::kernels::reference {
namespace {

/// Whether a comes before b: greater (less), and NaN before all numbers.
template <class T, bool kGreatest>
bool wins(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return (kGreatest ? a > b : a < b) || (a != a && b == b);
  else
    return kGreatest ? a > b : a < b;
}

template <class T, bool kGreatest>
constexpr T worst() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>)
    return kGreatest ? -Limits::infinity() : Limits::infinity();
  else
    return kGreatest ? Limits::lowest() : Limits::max();
}

template <class T, bool kGreatest>
struct Extreme {
  using Accumulator = T;
  static constexpr bool kCentered = false;
  T start() const { return worst<T, kGreatest>(); }
  void step(T& best, T value, double) const {
    best = wins<T, kGreatest>(value, best) ? value : best;
  }
  void merge(T& best, T later) const { step(best, later, 0); }
};

/// Booleans are ordered as bytes.
template <class T>
using Ordered = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;

template <bool kGreatest>
Tensor extreme(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducePlan plan = reduce_plan(x, axes, keepdim);
  Tensor y = make_tensor(plan.shape, plan.strides, x.dtype());
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = Ordered<decltype(zero)>;
    T* to = fresh_elements<T>(y);
    reduce(Extreme<T, kGreatest>{}, plan, elements<T>(x), nullptr,
           [to](std::int64_t k, T best) { to[k] = best; });
  });
  return y;
}

/// kAll: whether all are true; else whether any is.
template <class T, bool kAll>
struct Truth {
  using Accumulator = std::uint8_t;
  static constexpr bool kCentered = false;
  std::uint8_t start() const { return kAll; }
  void step(std::uint8_t& truth, T value, double) const { merge(truth, value != T{}); }
  void merge(std::uint8_t& truth, std::uint8_t later) const {
    truth = static_cast<std::uint8_t>(kAll ? truth & later : truth | later);
  }
};

template <bool kAll>
Tensor truth(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducePlan plan = reduce_plan(x, axes, keepdim);
  Tensor y = make_tensor(plan.shape, plan.strides, Dtype::boolean);
  bool* to = fresh_elements<bool>(y);
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    reduce(Truth<T, kAll>{}, plan, elements<T>(x), nullptr,
           [to](std::int64_t k, std::uint8_t value) { to[k] = value != 0; });
  });
  return y;
}

template <bool kGreatest>
Tensor index_of_extreme(const Tensor& x, std::int64_t axis, bool keepdim) {
  const ReducePlan plan = reduce_plan(x, axis, keepdim);
  Tensor y = make_tensor(plan.shape, plan.strides, Dtype::i64);
  std::int64_t* to = fresh_elements<std::int64_t>(y);
  const std::int64_t count = plan.reduced.numel();
  const std::int64_t stride = plan.reduced.inner().stride;
  if (plan.kept.numel() == 0) return y;
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = Ordered<decltype(zero)>;
    const T* from = elements<T>(x);
    parallel_for(plan.kept.numel(), std::max<std::int64_t>(kTile, kBlockElements / count),
                 [&](std::int64_t begin, std::int64_t end) {
                   Walk kept(plan.kept, begin);
                   for (std::int64_t k = begin; k < end;) {
                     // Side by side along the kept axis, so that either order reads whole cache
                     // lines.
                     const std::int64_t width =
                         reduces_runs(plan) ? 1 : std::min({kept.run(), end - k, kTile});
                     const std::int64_t step = plan.kept.inner().stride;
                     T best[kTile];
                     for (std::int64_t i = 0; i < width; ++i) {
                       best[i] = from[kept.offset() + i * step];
                       to[k + i] = 0;
                     }
                     for (std::int64_t at = 1; at < count; ++at) {
                       const T* row = from + kept.offset() + at * stride;
                       for (std::int64_t i = 0; i < width; ++i)
                         if (wins<T, kGreatest>(row[i * step], best[i])) {
                           best[i] = row[i * step];
                           to[k + i] = at;
                         }
                     }
                     kept.advance(width);
                     k += width;
                   }
                 });
  });
  return y;
}

}  // namespace

Tensor max(const Tensor& x, const Axes& axes, bool keepdim) {
  return extreme<true>(x, axes, keepdim);
}
Tensor min(const Tensor& x, const Axes& axes, bool keepdim) {
  return extreme<false>(x, axes, keepdim);
}
Tensor any(const Tensor& x, const Axes& axes, bool keepdim) {
  return truth<false>(x, axes, keepdim);
}
Tensor all(const Tensor& x, const Axes& axes, bool keepdim) {
  return truth<true>(x, axes, keepdim);
}
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdim) {
  return index_of_extreme<true>(x, axis, keepdim);
}
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdim) {
  return index_of_extreme<false>(x, axis, keepdim);
}

}  // namespace tenon::kernels::reference
