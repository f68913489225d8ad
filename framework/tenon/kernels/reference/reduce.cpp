#include "tenon/kernels/reference/reduce.h"

#include <cmath>
#include <type_traits>

#include "tenon/kernels/reference/reduce_loop_internal.h"

namespace tenon::kernels::reference {
namespace {

/// Integers accumulate modulo 2^64.
template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;
/// The element type of sums and products.
template <class T>
using Summed = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;

template <class T>
struct Sum {
  using Accumulator = Total<T>;
  static constexpr bool kCentered = false;
  Accumulator start() const { return 0; }
  void step(Accumulator& total, T value, double) const { total += static_cast<Accumulator>(value); }
  void merge(Accumulator& total, Accumulator later) const { total += later; }
};

template <class T>
struct Product {
  using Accumulator = Total<T>;
  static constexpr bool kCentered = false;
  Accumulator start() const { return 1; }
  void step(Accumulator& total, T value, double) const { total *= static_cast<Accumulator>(value); }
  void merge(Accumulator& total, Accumulator later) const { total *= later; }
};

template <class T>
struct SquaredDistance {
  using Accumulator = double;
  static constexpr bool kCentered = true;
  double start() const { return 0; }
  void step(double& total, T value, double center) const {
    const double distance = static_cast<double>(value) - center;
    total += distance * distance;
  }
  void merge(double& total, double later) const { total += later; }
};

template <class T>
struct ExponentialSum {
  using Accumulator = double;
  static constexpr bool kCentered = true;
  double start() const { return 0; }
  void step(double& total, T value, double center) const {
    total += static_cast<double>(std::exp(value - static_cast<T>(center)));
  }
  void merge(double& total, double later) const { total += later; }
};

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducePlan plan = reduce_plan(x, axes, keepdim);
  return visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Tensor y = make_tensor(plan.shape, plan.strides, dtype_of<Summed<T>>);
    Summed<T>* to = fresh_elements<Summed<T>>(y);
    reduce(Sum<T>{}, plan, elements<T>(x), nullptr,
           [to](std::int64_t k, Total<T> total) { to[k] = static_cast<Summed<T>>(total); });
    return y;
  });
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducePlan plan = reduce_plan(x, axes, keepdim);
  const auto count = static_cast<double>(plan.reduced.numel());
  return visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Mean = std::conditional_t<std::is_floating_point_v<T>, T, float>;
    Tensor y = make_tensor(plan.shape, plan.strides, dtype_of<Mean>);
    Mean* to = fresh_elements<Mean>(y);
    reduce(Sum<T>{}, plan, elements<T>(x), nullptr, [to, count](std::int64_t k, Total<T> total) {
      if constexpr (std::is_floating_point_v<T>)
        to[k] = static_cast<Mean>(total / count);
      else
        to[k] = static_cast<Mean>(static_cast<double>(static_cast<std::int64_t>(total)) / count);
    });
    return y;
  });
}

Tensor prod(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducePlan plan = reduce_plan(x, axes, keepdim);
  return visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Tensor y = make_tensor(plan.shape, plan.strides, dtype_of<Summed<T>>);
    Summed<T>* to = fresh_elements<Summed<T>>(y);
    reduce(Product<T>{}, plan, elements<T>(x), nullptr,
           [to](std::int64_t k, Total<T> total) { to[k] = static_cast<Summed<T>>(total); });
    return y;
  });
}

Tensor variance(const Tensor& x, const Axes& axes, bool keepdim, std::int64_t correction,
                bool root) {
  const ReducePlan plan = reduce_plan(x, axes, keepdim);
  const auto count = static_cast<double>(plan.reduced.numel());
  const double divisor = std::max(0.0, count - static_cast<double>(correction));
  std::vector<double> means(static_cast<std::size_t>(plan.kept.numel()));
  Tensor y = make_tensor(plan.shape, plan.strides, x.dtype());
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* to = fresh_elements<T>(y);
    double* mean_of = means.data();
    reduce(Sum<T>{}, plan, elements<T>(x), nullptr,
           [mean_of, count](std::int64_t k, double total) { mean_of[k] = total / count; });
    reduce(SquaredDistance<T>{}, plan, elements<T>(x), mean_of,
           [to, divisor, root](std::int64_t k, double total) {
             const double value = total / divisor;
             to[k] = static_cast<T>(root ? std::sqrt(value) : value);
           });
  });
  return y;
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducePlan plan = reduce_plan(x, axes, keepdim);
  std::vector<double> centers(static_cast<std::size_t>(plan.kept.numel()), 0.0);
  if (plan.reduced.numel() > 0 && plan.kept.numel() > 0) {
    const Tensor greatest = max(x, axes, keepdim);  // the same plan: element k belongs to element k
    visit_floating(x.dtype(), [&](auto zero) {
      const auto* from = elements<decltype(zero)>(greatest);
      // An infinite centre would give inf - inf.
      for (std::size_t k = 0; k < centers.size(); ++k)
        if (std::isfinite(from[k])) centers[k] = static_cast<double>(from[k]);
    });
  }
  Tensor y = make_tensor(plan.shape, plan.strides, x.dtype());
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* to = fresh_elements<T>(y);
    const double* center = centers.data();
    reduce(ExponentialSum<T>{}, plan, elements<T>(x), center,
           [to, center](std::int64_t k, double total) {
             to[k] = static_cast<T>(center[k] + std::log(total));
           });
  });
  return y;
}

}  // namespace tenon::kernels::reference
