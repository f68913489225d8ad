#include "tenon/kernels/simd/cross_entropy.h"

#include <algorithm>
#include <cmath>

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/cross_entropy.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/math-inl.h"
#include "tenon/kernels/simd/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// The weight of a label; those that do not count have none.
HWY_INLINE float weight_of(const ClassLines& lines, std::int64_t label) {
  return lines.weight == nullptr ? 1.0f : lines.weight[label];
}
HWY_INLINE float on_label(const ClassLines& lines, std::int64_t label) {
  return (1 - lines.smoothing) * weight_of(lines, label);
}
/// What smoothing gives to each class, before its weight.
HWY_INLINE float on_each(const ClassLines& lines) {
  return lines.smoothing / static_cast<float>(lines.classes);
}
/// The sum of q.
HWY_INLINE float mass_of(const ClassLines& lines, std::int64_t label) {
  return on_label(lines, label) + on_each(lines) * lines.all_weights;
}

/// The loss of a sample from x_label - max, log(sum(exp(x - max))) and sum(weight (x - max)).
HWY_INLINE float loss_of(const ClassLines& lines, std::int64_t label, float difference,
                         float log_total, float weighted) {
  const float weight = on_label(lines, label);
  const float log_share = weight == 0 ? 0 : log_total - difference;  // a weight of 0 hides infinity
  if (lines.smoothing == 0) return weight * log_share;
  const float each = on_each(lines);
  return weight * log_share + each * (lines.all_weights * log_total - weighted);
}

double loss_row(const ClassLines& lines, const float* x, std::int64_t label, float* loss,
                float* p) {
  const Floats d;
  const auto classes = static_cast<std::size_t>(lines.classes);
  const FloatVector greatest = row_max(x, classes);
  const FloatVector total = row_exp_sum(x, classes, greatest, p);
  if (p != nullptr) {
    const FloatVector r = hn::Div(hn::Set(d, 1.0f), total);
    map_line([r](Floats, FloatVector v) HWY_ATTR { return hn::Mul(v, r); }, p, p, classes);
  }
  float value = 0;
  if (label != lines.ignore_index) {
    const float* weight = lines.weight;
    const auto term = [=](std::size_t i, auto access) HWY_ATTR {
      const FloatVector v = hn::Sub(access.load(d, x + i), greatest);
      return weight == nullptr ? v : hn::Mul(v, access.load(d, weight + i));
    };
    const float weighted = lines.smoothing == 0 ? 0 : hn::GetLane(row_sum(classes, term));
    value = loss_of(lines, label, x[label] - hn::GetLane(greatest), std::log(hn::GetLane(total)),
                    weighted);
  }
  if (loss != nullptr) *loss = value;
  return static_cast<double>(value);
}

double loss_columns(const ClassLines& lines, const float* x, const std::int64_t* labels,
                    std::size_t width, float* losses, float* p) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto classes = static_cast<std::size_t>(lines.classes);
  const auto stride = static_cast<std::size_t>(lines.inner);
  double sum = 0;
  for_columns(width, [&](auto columns, auto access, std::size_t at) HWY_ATTR {
    constexpr int kVectors = decltype(columns)::value;
    constexpr std::size_t kMost = kVectors * hn::MaxLanes(Floats());
    HWY_ALIGN float greatest_of[kMost];
    HWY_ALIGN float log_total_of[kMost];
    HWY_ALIGN float weighted_of[kMost] = {};
    FloatVector greatest[kVectors], total[kVectors];
    float* to = p == nullptr ? nullptr : p + at;
    column_max<kVectors>(access, x + at, stride, classes, greatest);
    column_exp_sum<kVectors>(access, x + at, stride, classes, greatest, to, total);
    for (int k = 0; k < kVectors; ++k) {
      hn::Store(greatest[k], d, greatest_of + k * lanes);
      hn::Store(log(d, total[k]), d, log_total_of + k * lanes);
      total[k] = hn::Div(hn::Set(d, 1.0f), total[k]);
    }
    for (std::size_t c = 0; to != nullptr && c < classes; ++c)
      for (int k = 0; k < kVectors; ++k) {
        float* place = to + c * stride + k * lanes;
        access.store(hn::Mul(access.load(d, place), total[k]), d, place);
      }
    if (lines.smoothing != 0) {
      column_sum<kVectors>(classes, total, [&](std::size_t c, int k) HWY_ATTR {
        const FloatVector v = access.load(d, x + c * stride + at + k * lanes);
        return hn::Mul(hn::Sub(v, greatest[k]),
                       hn::Set(d, weight_of(lines, static_cast<std::int64_t>(c))));
      });
      for (int k = 0; k < kVectors; ++k) hn::Store(total[k], d, weighted_of + k * lanes);
    }
    const std::size_t samples = std::min(width - at, kVectors * lanes);
    for (std::size_t i = 0; i < samples; ++i) {
      const std::int64_t label = labels[at + i];
      float value = 0;
      if (label != lines.ignore_index)
        value = loss_of(lines, label,
                        x[static_cast<std::size_t>(label) * stride + at + i] - greatest_of[i],
                        log_total_of[i], weighted_of[i]);
      if (losses != nullptr) losses[at + i] = value;
      sum += static_cast<double>(value);
    }
  });
  return sum;
}

void gradient_row(const ClassLines& lines, const float* p, std::int64_t label, float scale,
                  float* dx) {
  const Floats d;
  const auto classes = static_cast<std::size_t>(lines.classes);
  // Not scale * 0: nothing is to flow into ignored samples, not even a NaN.
  if (label == lines.ignore_index) return void(std::fill_n(dx, classes, 0.0f));
  const float mass = mass_of(lines, label), each = on_each(lines);
  const FloatVector factor = hn::Set(d, scale * mass), less = hn::Set(d, scale * each);
  if (each == 0)
    map_line([factor](Floats, FloatVector v) HWY_ATTR { return hn::Mul(v, factor); }, p, dx,
             classes);
  else if (lines.weight == nullptr)
    map_line([=](Floats, FloatVector v) HWY_ATTR { return hn::MulSub(v, factor, less); }, p, dx,
             classes);
  else
    map_lines([=](Floats, FloatVector v, FloatVector w)
                  HWY_ATTR { return hn::NegMulAdd(w, less, hn::Mul(v, factor)); },
              p, lines.weight, dx, classes);
  dx[label] = scale * (mass * p[label] - (on_label(lines, label) + each * weight_of(lines, label)));
}

void gradient_columns(const ClassLines& lines, const float* p, const std::int64_t* labels,
                      std::size_t width, const float* scale, bool one_scale, float* dx) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto classes = static_cast<std::size_t>(lines.classes);
  const auto stride = static_cast<std::size_t>(lines.inner);
  const float each = on_each(lines);
  for_columns(width, [&](auto columns, auto access, std::size_t at) HWY_ATTR {
    constexpr int kVectors = decltype(columns)::value;
    constexpr std::size_t kMost = kVectors * hn::MaxLanes(Floats());
    HWY_ALIGN float factors[kMost] = {};
    HWY_ALIGN float masses[kMost] = {};
    FloatVector factor[kVectors], mass[kVectors];
    const std::size_t samples = std::min(width - at, kVectors * lanes);
    for (std::size_t i = 0; i < samples; ++i) {
      const std::int64_t label = labels[at + i];
      if (label == lines.ignore_index) continue;
      factors[i] = scale[one_scale ? 0 : at + i];
      masses[i] = mass_of(lines, label);
    }
    for (int k = 0; k < kVectors; ++k) {
      factor[k] = hn::Load(d, factors + k * lanes);
      mass[k] = hn::Load(d, masses + k * lanes);
    }
    for (std::size_t c = 0; c < classes; ++c) {
      const FloatVector less =
          hn::Set(d, each == 0 ? 0 : each * weight_of(lines, static_cast<std::int64_t>(c)));
      for (int k = 0; k < kVectors; ++k) {
        const std::size_t place = c * stride + at + k * lanes;
        const FloatVector v = hn::MulSub(access.load(d, p + place), mass[k], less);
        access.store(hn::Mul(v, factor[k]), d, dx + place);
      }
    }
    for (std::size_t i = 0; i < samples; ++i) {
      const std::int64_t label = labels[at + i];
      if (label != lines.ignore_index) {
        const std::size_t place = static_cast<std::size_t>(label) * stride + at + i;
        const float target =
            on_label(lines, label) + (each == 0 ? 0 : each * weight_of(lines, label));
        dx[place] = factors[i] * (masses[i] * p[place] - target);
      } else {
        for (std::size_t c = 0; c < classes; ++c) dx[c * stride + at + i] = 0;
      }
    }
  });
}

double cross_entropy_samples(const ClassLines& lines, const float* x, std::int64_t begin,
                             std::int64_t end, float* losses, float* p) {
  double sum = 0;
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t outer = at / lines.inner, inner = at % lines.inner;
    const std::int64_t width = std::min(lines.inner - inner, end - at);
    const std::int64_t first = outer * lines.classes * lines.inner + inner;
    float* loss = losses == nullptr ? nullptr : losses + at;
    float* to = p == nullptr ? nullptr : p + first;
    sum += lines.inner == 1 ? loss_row(lines, x + first, lines.labels[at], loss, to)
                            : loss_columns(lines, x + first, lines.labels + at,
                                           static_cast<std::size_t>(width), loss, to);
    at += width;
  }
  return sum;
}

void cross_entropy_gradient_samples(const ClassLines& lines, const float* p, std::int64_t begin,
                                    std::int64_t end, const float* scale, bool one_scale,
                                    float* dx) {
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t outer = at / lines.inner, inner = at % lines.inner;
    const std::int64_t width = std::min(lines.inner - inner, end - at);
    const std::int64_t first = outer * lines.classes * lines.inner + inner;
    const float* scale_at = one_scale ? scale : scale + at;
    if (lines.inner == 1)
      gradient_row(lines, p + first, lines.labels[at], *scale_at, dx + first);
    else
      gradient_columns(lines, p + first, lines.labels + at, static_cast<std::size_t>(width),
                       scale_at, one_scale, dx + first);
    at += width;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(cross_entropy_samples);
HWY_EXPORT(cross_entropy_gradient_samples);

double cross_entropy(const ClassLines& lines, const float* x, std::int64_t begin, std::int64_t end,
                     float* losses, float* probabilities) {
  return HWY_DYNAMIC_DISPATCH(cross_entropy_samples)(lines, x, begin, end, losses, probabilities);
}

void cross_entropy_gradient(const ClassLines& lines, const float* p, std::int64_t begin,
                            std::int64_t end, const float* scale, bool one_scale, float* dx) {
  HWY_DYNAMIC_DISPATCH(cross_entropy_gradient_samples)
  (lines, p, begin, end, scale, one_scale, dx);
}

}  // namespace tenon::kernels::simd
#endif
