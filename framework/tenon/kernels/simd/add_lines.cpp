#include "tenon/kernels/simd/add_lines.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/add_lines.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

void add_lines_at(float* total, const float* const* lines, std::size_t line_count,
                  std::size_t count) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {  // four chains hide the latency of an addition
    FloatVector a = hn::LoadU(d, total + i), b = hn::LoadU(d, total + i + lanes),
                c = hn::LoadU(d, total + i + 2 * lanes), e = hn::LoadU(d, total + i + 3 * lanes);
    for (std::size_t k = 0; k < line_count; ++k) {
      const float* line = lines[k] + i;
      a = hn::Add(a, hn::LoadU(d, line));
      b = hn::Add(b, hn::LoadU(d, line + lanes));
      c = hn::Add(c, hn::LoadU(d, line + 2 * lanes));
      e = hn::Add(e, hn::LoadU(d, line + 3 * lanes));
    }
    hn::StoreU(a, d, total + i);
    hn::StoreU(b, d, total + i + lanes);
    hn::StoreU(c, d, total + i + 2 * lanes);
    hn::StoreU(e, d, total + i + 3 * lanes);
  }
  for (; i < count; i += lanes) {
    const std::size_t here = count - i < lanes ? count - i : lanes;
    FloatVector sum = FirstLanes{here}.load(d, total + i);
    for (std::size_t k = 0; k < line_count; ++k)
      sum = hn::Add(sum, FirstLanes{here}.load(d, lines[k] + i));
    FirstLanes{here}.store(sum, d, total + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(add_lines_at);

void add_lines(float* total, const float* const* lines, std::int64_t line_count,
               std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(add_lines_at)
  (total, lines, static_cast<std::size_t>(line_count), static_cast<std::size_t>(count));
}

}  // namespace tenon::kernels::simd
#endif
