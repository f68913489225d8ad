// Moments of a contiguous run of f32.
#if defined(TENON_KERNELS_SIMD_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_KERNELS_SIMD_NORM_INL_H_
#undef TENON_KERNELS_SIMD_NORM_INL_H_
#else
#define TENON_KERNELS_SIMD_NORM_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "tenon/kernels/simd/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Mean, and sum of squared distances from it, of `count` numbers; joined by the rule of Chan,
/// Golub and LeVeque (1979).
struct Moments {
  double count = 0;
  double mean = 0;
  double squares = 0;

  void add(double other_count, double other_mean, double other_squares) {
    const double total = count + other_count;
    const double distance = other_mean - mean;
    squares += other_squares + distance * distance * (count * other_count / total);
    mean += distance * (other_count / total);
    count = total;
  }
};

/// Both passes over a stretch that stays in the first cache.
HWY_INLINE void add_moments(const float* x, std::size_t count, Moments& moments) {
  const Floats d;
  constexpr std::size_t kStretch = 4096;
  for (std::size_t at = 0; at < count; at += kStretch) {
    const std::size_t length = std::min(kStretch, count - at);
    const float* from = x + at;
    // Sums of distances from a number of theirs keep the digits of a mean far from 0.
    const FloatVector some = hn::Set(d, *from);
    const double sum = sum_terms(length, [=](std::size_t i, auto access) HWY_ATTR {
      return hn::Sub(access.load(d, from + i), some);
    });
    const double mean = static_cast<double>(*from) + sum / static_cast<double>(length);
    const auto near_mean = static_cast<float>(mean);
    const FloatVector centre = hn::Set(d, near_mean);
    const double squares = sum_terms(length, [=](std::size_t i, auto access) HWY_ATTR {
      const FloatVector distance = hn::Sub(access.load(d, from + i), centre);
      return hn::Mul(distance, distance);
    });
    const double off = mean - static_cast<double>(near_mean);
    moments.add(static_cast<double>(length), mean,
                std::max(squares - off * off * static_cast<double>(length), 0.0));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();
#endif
