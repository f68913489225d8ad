#pragma once

#include <cstddef>
#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon {

/// Sets chosen[a] for each axis given, or for all of them when none is. Throws ShapeError for an
/// axis that x does not have or that is given twice.
void choose_axes(const char* operation, const Tensor& x, const Axes& axes, bool (&chosen)[kMaxRank],
                 Where where);

/// Resolves the place of an axis that x does not have yet: -rank - 1 <= axis <= rank. Throws
/// ShapeError otherwise, and when there is no room for one more.
std::size_t new_axis(const char* operation, const Tensor& x, std::int64_t axis, Where where);

/// Throws DataError unless the dtype can hold the number.
void check_holds(const char* operation, const Tensor& x, double value, Where where);

}  // namespace tenon
