#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/nn/differences_internal.h"
#include "tenon/train/metric.h"

namespace tenon::metrics {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// NaN without samples.
inline double ratio(std::int64_t part, std::int64_t count) {
  return count == 0 ? kNan : static_cast<double>(part) / static_cast<double>(count);
}

// Names and kinds of tensors in states.
inline constexpr const char* kCount = "count";
inline constexpr const char* kNanCount = "nan_count";
inline const TensorKind kOneCount{Dtype::i64, {}};
inline const TensorKind kOneSum{Dtype::f64, {}};

inline Tensor state_of(double sum) { return Tensor::from({sum}, {}, Dtype::f64); }
inline Tensor state_of(const std::vector<double>& sums) {
  return Tensor::from(sums, {static_cast<std::int64_t>(sums.size())}, Dtype::f64);
}
inline Tensor state_of(const std::vector<std::int64_t>& counts) {
  return Tensor::from(counts, {static_cast<std::int64_t>(counts.size())});
}

/// Throws a CheckpointError that lists how a state differs from what `metric` wants, or
/// names a count below 0.
void check_metric_state(const Metric& metric, const std::map<std::string, TensorKind>& wanted,
                        const std::map<std::string, Tensor>& state, Where where);
/// For metrics whose size the data tell: that of the first of these one-dimensional tensors that a
/// state has; 0 if it has none.
std::int64_t length_in(const std::map<std::string, Tensor>& state,
                       std::initializer_list<const char*> names);

}  // namespace tenon::metrics
