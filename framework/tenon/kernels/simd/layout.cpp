#include "tenon/kernels/simd/layout.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/layout.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

void transpose_elements(const float* from, std::int64_t from_row, float* to, std::int64_t to_row,
                        std::int64_t rows, std::int64_t columns) {
  transpose(from, from_row, to, to_row, rows, columns);
}

void scale_pixels_line(const std::uint8_t* from, float* to, std::int64_t count) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<std::int32_t, decltype(d)> di;
  const hn::Rebind<std::uint8_t, decltype(d)> bytes;
  const auto divisor = hn::Set(d, 255.0f);
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + step <= count; i += step) {
    const auto x = hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(bytes, from + i)));
#if HWY_TARGET == HWY_SSE4
    const auto y = hn::Div(x, divisor);
#else
    // A division of these 256 numbers: the product, and what it lacks.
    const auto reciprocal = hn::Set(d, 1.0f / 255.0f);
    const auto near = hn::Mul(x, reciprocal);
    const auto y = hn::MulAdd(hn::NegMulAdd(near, divisor, x), reciprocal, near);
#endif
    hn::StoreU(y, d, to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0f;
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(transpose_elements);
HWY_EXPORT(scale_pixels_line);

void transpose(const void* from, std::int64_t from_row, void* to, std::int64_t to_row,
               std::int64_t rows, std::int64_t columns) {
  HWY_DYNAMIC_DISPATCH(transpose_elements)
  (static_cast<const float*>(from), from_row, static_cast<float*>(to), to_row, rows, columns);
}

void scale_pixels(const std::uint8_t* from, float* to, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(scale_pixels_line)(from, to, count);
}

}  // namespace tenon::kernels::simd
#endif
