#pragma once

#include <cstdint>

namespace tenon::kernels::simd {

/// total[i] = ((total[i] + lines[0][i]) + lines[1][i]) + ..., f32, in one pass: the same bits as
/// adding one line after the other.
void add_lines(float* total, const float* const* lines, std::int64_t line_count,
               std::int64_t count);

}  // namespace tenon::kernels::simd
