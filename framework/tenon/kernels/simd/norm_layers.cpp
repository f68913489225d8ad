#include <algorithm>
#include <cmath>

#include "tenon/kernels/simd/norm.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/norm_layers.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/norm-inl.h"
#include "tenon/kernels/simd/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// body(i, access) for the vectors of a line.
template <class Body>
HWY_INLINE void for_line_vectors(std::size_t count, Body body) {
  const std::size_t lanes = hn::Lanes(Floats());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) body(i, AllLanes());
  if (i < count) body(i, FirstLanes{count - i});
}

void normalize_layers(const LayerNorm& norm, const float* x, std::int64_t begin, std::int64_t end,
                      float* y, float* mean, float* variance) {
  const Floats d;
  const auto count = static_cast<std::size_t>(norm.positions);
  for (std::int64_t row = begin; row < end; ++row) {
    const float* from = x + row * norm.positions;
    float* to = y + row * norm.positions;
    Moments moments;
    add_moments(from, count, moments);
    const double spread = moments.squares / static_cast<double>(count);
    mean[row] = static_cast<float>(moments.mean);
    variance[row] = static_cast<float>(spread);
    const double r = 1 / std::sqrt(spread + norm.epsilon);
    const FloatVector centre = hn::Set(d, mean[row]), scale = hn::Set(d, static_cast<float>(r));
    // What rounding took from the centre.
    const FloatVector shift =
        hn::Set(d, static_cast<float>((static_cast<double>(mean[row]) - moments.mean) * r));
    const auto normalized = [=](FloatVector v)
                                HWY_ATTR { return hn::MulAdd(hn::Sub(v, centre), scale, shift); };
    const float *w = norm.w, *b = norm.b;
    if (w == nullptr && b == nullptr) {
      map_line([=](Floats, FloatVector v) HWY_ATTR { return normalized(v); }, from, to, count);
      continue;
    }
    for_line_vectors(count, [=](std::size_t i, auto access) HWY_ATTR {
      FloatVector v = normalized(access.load(d, from + i));
      if (w != nullptr) v = hn::Mul(v, access.load(d, w + i));
      if (b != nullptr) v = hn::Add(v, access.load(d, b + i));
      access.store(v, d, to + i);
    });
  }
}

/// dx of one row.
void gradient_row(const LayerNorm& norm, const float* dy, const float* x, float mean, double r,
                  float* dx) {
  const Floats d;
  const auto count = static_cast<std::size_t>(norm.positions);
  const FloatVector centre = hn::Set(d, mean);
  const float* w = norm.w;
  const auto weighted = [=](std::size_t i, auto access) HWY_ATTR {
    const FloatVector g = access.load(d, dy + i);
    return w == nullptr ? g : hn::Mul(g, access.load(d, w + i));
  };
  const double sum = sum_terms(count, weighted);
  const double product = sum_terms(count, [=](std::size_t i, auto access) HWY_ATTR {
    return hn::Mul(weighted(i, access), hn::Sub(access.load(d, x + i), centre));
  });
  const double part = 1 / static_cast<double>(count);
  const FloatVector of_dy = hn::Set(d, static_cast<float>(r)),
                    of_x = hn::Set(d, static_cast<float>(-r * r * r * product * part)),
                    constant = hn::Set(d, static_cast<float>(-r * sum * part));
  for_line_vectors(count, [=](std::size_t i, auto access) HWY_ATTR {
    const FloatVector distance = hn::Sub(access.load(d, x + i), centre);
    const FloatVector v =
        hn::MulAdd(weighted(i, access), of_dy, hn::MulAdd(distance, of_x, constant));
    access.store(v, d, dx + i);
  });
}

/// dw and db of up to kFloatTerms rows from `row` on.
void gradient_of_affine(const LayerNorm& norm, const float* dy, const float* x, const float* mean,
                        const float* reciprocal, std::size_t rows, double* dw, double* db) {
  const Floats d;
  const auto count = static_cast<std::size_t>(norm.positions);
  const auto sums_of = [=](std::size_t i, auto access, FloatVector& scale,
                           FloatVector& bias) HWY_ATTR {
    scale = bias = hn::Zero(d);
    for (std::size_t row = 0; row < rows; ++row) {
      const FloatVector g = access.load(d, dy + row * count + i);
      const FloatVector distance =
          hn::Sub(access.load(d, x + row * count + i), hn::Set(d, mean[row]));
      bias = hn::Add(bias, g);
      scale = hn::MulAdd(g, hn::Mul(distance, hn::Set(d, reciprocal[row])), scale);
    }
  };
  const std::size_t lanes = hn::Lanes(d);
  FloatVector scale, bias;
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    sums_of(i, AllLanes(), scale, bias);
    if (dw != nullptr) add_doubles(scale, dw + i);
    if (db != nullptr) add_doubles(bias, db + i);
  }
  if (i == count) return;
  sums_of(i, FirstLanes{count - i}, scale, bias);
  if (dw != nullptr) add_doubles(scale, dw + i, count - i);
  if (db != nullptr) add_doubles(bias, db + i, count - i);
}

void gradient_layers(const LayerNorm& norm, const float* dy, const float* x, const float* mean,
                     const float* variance, std::int64_t begin, std::int64_t end, float* dx,
                     double* dw, double* db) {
  constexpr auto kRows = static_cast<std::int64_t>(8);  // they stay in the second cache
  for (std::int64_t row = begin; row < end; row += kRows) {
    const std::int64_t rows = std::min(kRows, end - row);
    float reciprocal[kRows];
    for (std::int64_t i = 0; i < rows; ++i) {
      const double r = 1 / std::sqrt(static_cast<double>(variance[row + i]) + norm.epsilon);
      reciprocal[i] = static_cast<float>(r);
      const std::int64_t first = (row + i) * norm.positions;
      if (dx != nullptr) gradient_row(norm, dy + first, x + first, mean[row + i], r, dx + first);
    }
    if (dw != nullptr || db != nullptr)
      gradient_of_affine(norm, dy + row * norm.positions, x + row * norm.positions, mean + row,
                         reciprocal, static_cast<std::size_t>(rows), dw, db);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(normalize_layers);
HWY_EXPORT(gradient_layers);

void layer_norm(const LayerNorm& norm, const float* x, std::int64_t begin, std::int64_t end,
                float* y, float* mean, float* variance) {
  HWY_DYNAMIC_DISPATCH(normalize_layers)(norm, x, begin, end, y, mean, variance);
}
void layer_norm_gradient(const LayerNorm& norm, const float* dy, const float* x, const float* mean,
                         const float* variance, std::int64_t begin, std::int64_t end, float* dx,
                         double* dw, double* db) {
  HWY_DYNAMIC_DISPATCH(gradient_layers)(norm, dy, x, mean, variance, begin, end, dx, dw, db);
}

}  // namespace tenon::kernels::simd
#endif
