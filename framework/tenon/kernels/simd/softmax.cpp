#include "tenon/kernels/simd/softmax.h"

#include <algorithm>
#include <cmath>

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/math-inl.h"
#include "tenon/kernels/simd/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// row(first element), or columns(first element, width), for the lines [begin, end).
template <class Row, class Columns>
HWY_INLINE void for_lines(const SoftmaxLines& lines, std::int64_t begin, std::int64_t end, Row row,
                          Columns columns) {
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t outer = at / lines.inner, inner = at % lines.inner;
    const std::int64_t width = std::min(lines.inner - inner, end - at);
    const std::int64_t first = outer * lines.count * lines.inner + inner;
    if (lines.inner == 1)
      row(first);
    else
      columns(first, static_cast<std::size_t>(width));
    at += width;
  }
}

/// y = f(x, k) for the elements of K columns.
template <int K, class Access, class F>
HWY_INLINE void map_columns(Access access, const float* x, float* y, std::size_t stride,
                            std::size_t count, F f) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t c = 0; c < count; ++c)
    for (int k = 0; k < K; ++k) {
      const std::size_t at = c * stride + static_cast<std::size_t>(k) * lanes;
      access.store(f(access.load(d, x + at), k), d, y + at);
    }
}

void softmax_lines(const SoftmaxLines& lines, const float* x, std::int64_t begin, std::int64_t end,
                   float* y) {
  const Floats d;
  const auto count = static_cast<std::size_t>(lines.count);
  const auto stride = static_cast<std::size_t>(lines.inner);
  for_lines(
      lines, begin, end,
      [=](std::int64_t first) HWY_ATTR {
        const FloatVector total =
            row_exp_sum(x + first, count, row_max(x + first, count), y + first);
        const FloatVector r = hn::Div(hn::Set(d, 1.0f), total);
        map_line([r](Floats, FloatVector v) HWY_ATTR { return hn::Mul(v, r); }, y + first,
                 y + first, count);
      },
      [=](std::int64_t first, std::size_t width) HWY_ATTR {
        for_columns(width, [=](auto columns, auto access, std::size_t at) HWY_ATTR {
          constexpr int kVectors = decltype(columns)::value;
          const float* from = x + first + at;
          float* to = y + first + at;
          FloatVector greatest[kVectors], r[kVectors];
          column_max<kVectors>(access, from, stride, count, greatest);
          column_exp_sum<kVectors>(access, from, stride, count, greatest, to, r);
          for (int k = 0; k < kVectors; ++k) r[k] = hn::Div(hn::Set(d, 1.0f), r[k]);
          map_columns<kVectors>(access, to, to, stride, count,
                                [&r](FloatVector v, int k) HWY_ATTR { return hn::Mul(v, r[k]); });
        });
      });
}

void log_softmax_lines(const SoftmaxLines& lines, const float* x, std::int64_t begin,
                       std::int64_t end, float* y) {
  const Floats d;
  const auto count = static_cast<std::size_t>(lines.count);
  const auto stride = static_cast<std::size_t>(lines.inner);
  for_lines(
      lines, begin, end,
      [=](std::int64_t first) HWY_ATTR {
        const FloatVector greatest = row_max(x + first, count);
        const FloatVector total = log(d, row_exp_sum(x + first, count, greatest, nullptr));
        map_line([greatest, total](Floats, FloatVector v)
                     HWY_ATTR { return hn::Sub(hn::Sub(v, greatest), total); },
                 x + first, y + first, count);
      },
      [=](std::int64_t first, std::size_t width) HWY_ATTR {
        for_columns(width, [=](auto columns, auto access, std::size_t at) HWY_ATTR {
          constexpr int kVectors = decltype(columns)::value;
          const float* from = x + first + at;
          FloatVector greatest[kVectors], total[kVectors];
          column_max<kVectors>(access, from, stride, count, greatest);
          column_exp_sum<kVectors>(access, from, stride, count, greatest, nullptr, total);
          for (int k = 0; k < kVectors; ++k) total[k] = log(d, total[k]);
          map_columns<kVectors>(access, from, y + first + at, stride, count,
                                [&](FloatVector v, int k) HWY_ATTR {
                                  return hn::Sub(hn::Sub(v, greatest[k]), total[k]);
                                });
        });
      });
}

void softmax_gradient_lines(const SoftmaxLines& lines, const float* dy, const float* y,
                            std::int64_t begin, std::int64_t end, float* dx) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto count = static_cast<std::size_t>(lines.count);
  const auto stride = static_cast<std::size_t>(lines.inner);
  for_lines(
      lines, begin, end,
      [=](std::int64_t first) HWY_ATTR {
        const float *g = dy + first, *p = y + first;
        const FloatVector total = row_sum(count, [=](std::size_t i, auto access) HWY_ATTR {
          return hn::Mul(access.load(d, g + i), access.load(d, p + i));
        });
        map_lines([total](Floats, FloatVector u, FloatVector v)
                      HWY_ATTR { return hn::Mul(v, hn::Sub(u, total)); },
                  g, p, dx + first, count);
      },
      [=](std::int64_t first, std::size_t width) HWY_ATTR {
        for_columns(width, [=](auto columns, auto access, std::size_t at) HWY_ATTR {
          constexpr int kVectors = decltype(columns)::value;
          const float *g = dy + first + at, *p = y + first + at;
          FloatVector total[kVectors];
          column_sum<kVectors>(count, total, [=](std::size_t c, int k) HWY_ATTR {
            const std::size_t place = c * stride + static_cast<std::size_t>(k) * lanes;
            return hn::Mul(access.load(d, g + place), access.load(d, p + place));
          });
          float* to = dx + first + at;
          for (std::size_t c = 0; c < count; ++c)
            for (int k = 0; k < kVectors; ++k) {
              const std::size_t place = c * stride + static_cast<std::size_t>(k) * lanes;
              access.store(
                  hn::Mul(access.load(d, p + place), hn::Sub(access.load(d, g + place), total[k])),
                  d, to + place);
            }
        });
      });
}

void log_softmax_gradient_lines(const SoftmaxLines& lines, const float* dy, const float* y,
                                std::int64_t begin, std::int64_t end, float* dx) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto count = static_cast<std::size_t>(lines.count);
  const auto stride = static_cast<std::size_t>(lines.inner);
  for_lines(
      lines, begin, end,
      [=](std::int64_t first) HWY_ATTR {
        const float* g = dy + first;
        const FloatVector total = row_sum(
            count, [=](std::size_t i, auto access) HWY_ATTR { return access.load(d, g + i); });
        map_lines([total](Floats t, FloatVector u, FloatVector v)
                      HWY_ATTR { return hn::NegMulAdd(exp_of_nonpositive(t, v), total, u); },
                  g, y + first, dx + first, count);
      },
      [=](std::int64_t first, std::size_t width) HWY_ATTR {
        for_columns(width, [=](auto columns, auto access, std::size_t at) HWY_ATTR {
          constexpr int kVectors = decltype(columns)::value;
          const float *g = dy + first + at, *log_p = y + first + at;
          FloatVector total[kVectors];
          column_sum<kVectors>(count, total, [=](std::size_t c, int k) HWY_ATTR {
            return access.load(d, g + c * stride + static_cast<std::size_t>(k) * lanes);
          });
          float* to = dx + first + at;
          for (std::size_t c = 0; c < count; ++c)
            for (int k = 0; k < kVectors; ++k) {
              const std::size_t place = c * stride + static_cast<std::size_t>(k) * lanes;
              const FloatVector p = exp_of_nonpositive(d, access.load(d, log_p + place));
              access.store(hn::NegMulAdd(p, total[k], access.load(d, g + place)), d, to + place);
            }
        });
      });
}

/// An infinite greatest element would give inf - inf.
HWY_INLINE FloatVector finite_or_zero(FloatVector greatest) {
  const Floats d;
  return hn::IfThenZeroElse(hn::Eq(hn::Abs(greatest), hn::Set(d, HUGE_VALF)), greatest);
}

/// `total` is NaN if the greatest element is +infinity: then that is the result, unless a NaN is in
/// the line.
template <class Load>
HWY_INLINE FloatVector log_sum(FloatVector greatest, FloatVector total, std::size_t count,
                               Load load) {
  const Floats d;
  const FloatVector infinity = hn::Set(d, HUGE_VALF);
  const FloatVector y = hn::Add(finite_or_zero(greatest), log(d, total));
  const auto infinite = hn::Eq(greatest, infinity);
  if (hn::AllFalse(d, infinite)) return y;
  FloatVector limit = infinity;
  for (std::size_t c = 0; c < count; ++c) {
    const FloatVector x = load(c);
    limit = hn::IfThenElse(hn::IsNaN(x), x, limit);
  }
  return hn::IfThenElse(infinite, limit, y);
}

void logsumexp_lines(const SoftmaxLines& lines, const float* x, std::int64_t begin,
                     std::int64_t end, float* y) {
  const auto count = static_cast<std::size_t>(lines.count);
  const auto stride = static_cast<std::size_t>(lines.inner);
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t outer = at / lines.inner, inner = at % lines.inner;
    const auto width = static_cast<std::size_t>(std::min(lines.inner - inner, end - at));
    const float* from = x + outer * lines.count * lines.inner + inner;
    if (lines.inner == 1) {
      const FloatVector greatest = row_max(from, count);
      const FloatVector total = row_exp_sum(from, count, finite_or_zero(greatest), nullptr);
      const auto element = [=](std::size_t c) HWY_ATTR { return hn::Set(Floats(), from[c]); };
      y[at] = hn::GetLane(log_sum(greatest, total, count, element));
    } else {
      for_columns(width, [=](auto columns, auto access, std::size_t i) HWY_ATTR {
        constexpr int kVectors = decltype(columns)::value;
        const Floats d;
        FloatVector greatest[kVectors], centre[kVectors], total[kVectors];
        column_max<kVectors>(access, from + i, stride, count, greatest);
        for (int k = 0; k < kVectors; ++k) centre[k] = finite_or_zero(greatest[k]);
        column_exp_sum<kVectors>(access, from + i, stride, count, centre, nullptr, total);
        for (int k = 0; k < kVectors; ++k) {
          const std::size_t place = i + static_cast<std::size_t>(k) * hn::Lanes(d);
          const auto element = [=](std::size_t c)
                                   HWY_ATTR { return access.load(d, from + place + c * stride); };
          access.store(log_sum(greatest[k], total[k], count, element), d, y + at + place);
        }
      });
    }
    at += static_cast<std::int64_t>(width);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(softmax_lines);
HWY_EXPORT(log_softmax_lines);
HWY_EXPORT(softmax_gradient_lines);
HWY_EXPORT(log_softmax_gradient_lines);
HWY_EXPORT(logsumexp_lines);

void softmax(const SoftmaxLines& lines, const float* x, std::int64_t begin, std::int64_t end,
             float* y) {
  HWY_DYNAMIC_DISPATCH(softmax_lines)(lines, x, begin, end, y);
}
void log_softmax(const SoftmaxLines& lines, const float* x, std::int64_t begin, std::int64_t end,
                 float* y) {
  HWY_DYNAMIC_DISPATCH(log_softmax_lines)(lines, x, begin, end, y);
}
void softmax_gradient(const SoftmaxLines& lines, const float* dy, const float* y,
                      std::int64_t begin, std::int64_t end, float* dx) {
  HWY_DYNAMIC_DISPATCH(softmax_gradient_lines)(lines, dy, y, begin, end, dx);
}
void log_softmax_gradient(const SoftmaxLines& lines, const float* dy, const float* y,
                          std::int64_t begin, std::int64_t end, float* dx) {
  HWY_DYNAMIC_DISPATCH(log_softmax_gradient_lines)(lines, dy, y, begin, end, dx);
}
void logsumexp(const SoftmaxLines& lines, const float* x, std::int64_t begin, std::int64_t end,
               float* y) {
  HWY_DYNAMIC_DISPATCH(logsumexp_lines)(lines, x, begin, end, y);
}

}  // namespace tenon::kernels::simd
#endif
