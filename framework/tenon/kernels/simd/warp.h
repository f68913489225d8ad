#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

/// What the columns of smooth_rows are a multiple of.
inline constexpr std::int64_t kSmoothedTogether = 16;

/// Smooths along axis 0 of x [rows, columns], f32 rows, with zeros beyond the border:
///   y[r] = sum over k of weights[|k|] x[r + k],   |k| <= reach, in the order of the rows.
/// weights has reach + 1 numbers.
void smooth_rows(const float* x, std::int64_t rows, std::int64_t columns, const float* weights,
                 std::int64_t reach, float* y);

/// to[i] = the image at (y[i], x[i]), bilinear, f32. `bordered` is the image with one row and one
/// column of what lies beyond it on each side, [height + 2, width + 2]; coordinates count from its
/// first own pixel, those further out (and NaN) give the border. Each side is at most
/// kMostSampledSide.
void sample_bilinear(const float* bordered, std::int64_t height, std::int64_t width, const float* y,
                     const float* x, std::int64_t count, float* to);
inline constexpr std::int64_t kMostSampledSide = (1 << 15) - 2;  // so that an index fits into i32

}  // namespace tenon::kernels::simd
