#include <algorithm>

#include "tenon/kernels/simd/norm.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/norm_runs.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/norm-inl.h"
#include "tenon/kernels/simd/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// visit(first element, length) for the runs of a group within the positions [begin, end).
template <class Visit>
HWY_INLINE void for_group_runs(const Grouping& g, std::int64_t group, std::int64_t begin,
                               std::int64_t end, Visit visit) {
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t outer = at / g.inner, inner = at % g.inner;
    const std::int64_t length = std::min(g.inner - inner, end - at);
    visit((outer * g.groups + group) * g.inner + inner, static_cast<std::size_t>(length));
    at += length;
  }
}

void moments_of_runs(const Grouping& g, const float* x, std::int64_t group, std::int64_t group_end,
                     std::int64_t begin, std::int64_t end, double* mean, double* squares) {
  for (std::int64_t c = group; c < group_end; ++c) {
    Moments moments;
    for_group_runs(g, c, begin, end, [&](std::int64_t first, std::size_t length) HWY_ATTR {
      add_moments(x + first, length, moments);
    });
    mean[c - group] = moments.mean;
    squares[c - group] = moments.squares;
  }
}

void gradient_sums_of_runs(const Grouping& g, const float* dy, const float* x, const float* centre,
                           std::int64_t group, std::int64_t group_end, std::int64_t begin,
                           std::int64_t end, double* sums, double* products) {
  const Floats d;
  for (std::int64_t c = group; c < group_end; ++c) {
    const FloatVector mean = hn::Set(d, centre[c]);
    double sum = 0, product = 0;
    for_group_runs(g, c, begin, end, [&](std::int64_t first, std::size_t length) HWY_ATTR {
      // The second sum finds both operands in the first cache.
      constexpr std::size_t kStretch = 2048;
      for (std::size_t at = 0; at < length; at += kStretch) {
        const std::size_t count = std::min(kStretch, length - at);
        const float *slope = dy + first + at, *from = x + first + at;
        sum += sum_terms(
            count, [=](std::size_t i, auto access) HWY_ATTR { return access.load(d, slope + i); });
        product += sum_terms(count, [=](std::size_t i, auto access) HWY_ATTR {
          return hn::Mul(access.load(d, slope + i), hn::Sub(access.load(d, from + i), mean));
        });
      }
    });
    sums[c - group] = sum;
    products[c - group] = product;
  }
}

void normalize_runs(const Grouping& g, const NormScales& scales, const float* x, std::int64_t begin,
                    std::int64_t end, float* y) {
  const Floats d;
  for (std::int64_t run = begin; run < end; ++run) {
    const std::int64_t c = run % g.groups;
    const FloatVector centre = hn::Set(d, scales.centre[c]), scale = hn::Set(d, scales.scale[c]),
                      shift = hn::Set(d, scales.shift[c]);
    map_line([=](Floats, FloatVector v)
                 HWY_ATTR { return hn::MulAdd(hn::Sub(v, centre), scale, shift); },
             x + run * g.inner, y + run * g.inner, static_cast<std::size_t>(g.inner));
  }
}

void gradient_runs(const Grouping& g, const NormSlopes& slopes, const float* dy, const float* x,
                   std::int64_t begin, std::int64_t end, float* dx) {
  const Floats d;
  for (std::int64_t run = begin; run < end; ++run) {
    const std::int64_t c = run % g.groups;
    const FloatVector centre = hn::Set(d, slopes.centre[c]), of_dy = hn::Set(d, slopes.of_dy[c]),
                      of_x = hn::Set(d, slopes.of_x[c]), constant = hn::Set(d, slopes.constant[c]);
    map_lines(
        [=](Floats, FloatVector u, FloatVector v) HWY_ATTR {
          return hn::MulAdd(u, of_dy, hn::MulAdd(hn::Sub(v, centre), of_x, constant));
        },
        dy + run * g.inner, x + run * g.inner, dx + run * g.inner,
        static_cast<std::size_t>(g.inner));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(moments_of_runs);
HWY_EXPORT(gradient_sums_of_runs);
HWY_EXPORT(normalize_runs);
HWY_EXPORT(gradient_runs);

void run_moments(const Grouping& grouping, const float* x, std::int64_t group,
                 std::int64_t group_end, std::int64_t begin, std::int64_t end, double* mean,
                 double* squares) {
  HWY_DYNAMIC_DISPATCH(moments_of_runs)(grouping, x, group, group_end, begin, end, mean, squares);
}
void run_gradient_sums(const Grouping& grouping, const float* dy, const float* x,
                       const float* centre, std::int64_t group, std::int64_t group_end,
                       std::int64_t begin, std::int64_t end, double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(gradient_sums_of_runs)
  (grouping, dy, x, centre, group, group_end, begin, end, sums, products);
}
void run_normalize(const Grouping& grouping, const NormScales& scales, const float* x,
                   std::int64_t begin, std::int64_t end, float* y) {
  HWY_DYNAMIC_DISPATCH(normalize_runs)(grouping, scales, x, begin, end, y);
}
void run_gradient(const Grouping& grouping, const NormSlopes& slopes, const float* dy,
                  const float* x, std::int64_t begin, std::int64_t end, float* dx) {
  HWY_DYNAMIC_DISPATCH(gradient_runs)(grouping, slopes, dy, x, begin, end, dx);
}

}  // namespace tenon::kernels::simd
#endif
