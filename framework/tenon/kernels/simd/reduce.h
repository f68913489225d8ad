#pragma once

#include <cstdint>

#include "tenon/kernels/reference/reduce_plan_internal.h"

namespace tenon::kernels::simd {

enum class Extreme : std::uint8_t { greatest, least };

/// Whether the reduced elements (rows), or at least 8 kept ones (columns), are neighbours in
/// memory.
bool takes_columns(const reference::ReducePlan& plan);
bool takes(const reference::ReducePlan& plan);

/// The kernels take f32, the elements [kept_begin, kept_end) of the output, and of each the reduced
/// elements [begin, end); result i belongs to kept_begin + i.

/// Sums: of 8 terms in f32 for columns and of up to 16 a lane for rows, these in double.
void sum(const reference::ReducePlan& plan, const float* x, std::int64_t kept_begin,
         std::int64_t kept_end, std::int64_t begin, std::int64_t end, double* sums);
/// A NaN wins.
void extreme(const reference::ReducePlan& plan, Extreme which, const float* x,
             std::int64_t kept_begin, std::int64_t kept_end, std::int64_t begin, std::int64_t end,
             float* values);

}  // namespace tenon::kernels::simd
