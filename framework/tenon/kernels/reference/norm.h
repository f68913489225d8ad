#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon::kernels::reference {

/// Dense memory as [outer][groups][inner]: the elements of a group are normalised together. A
/// position is what is left of an element's place without its group: outer * inner of them.
struct Grouping {
  std::int64_t outer = 1;
  std::int64_t groups = 1;
  std::int64_t inner = 1;

  std::int64_t positions() const { return outer * inner; }
  std::int64_t numel() const { return outer * groups * inner; }
};

/// What w and b belong to: groups for batch_norm (a channel), positions for layer_norm.
enum class Affine : std::uint8_t { group, position };

/// One number a group.
struct GroupStatistics {
  std::vector<double> mean;
  std::vector<double> variance;
};
/// In two passes, in double.
GroupStatistics statistics(const Tensor& x, const Grouping& grouping);

/// y = (x - mean) / sqrt(variance + epsilon) * w + b; w and b: one number a group or position, or
/// empty.
void normalize(const Tensor& x, Tensor& y, const Grouping& grouping,
               const GroupStatistics& statistics, Affine affine, const std::vector<double>& w,
               const std::vector<double>& b, double epsilon);

/// The sums that the gradient is made of, one a group or position: of dy, and of dy * (x - mean) *
/// rsqrt(variance + epsilon).
struct NormSums {
  std::vector<double> dy;
  std::vector<double> dy_normalized;
};
/// Over each group; with `w` (one number a position) the dy are weighted by it.
NormSums group_sums(const Tensor& dy, const Tensor& x, const Grouping& grouping,
                    const GroupStatistics& statistics, const std::vector<double>& w,
                    double epsilon);
/// Over each position.
NormSums position_sums(const Tensor& dy, const Tensor& x, const Grouping& grouping,
                       const GroupStatistics& statistics, double epsilon);

/// dx = r (w dy - (sums.dy + normalized sums.dy_normalized) / count). For Affine::group, `sums` are
/// of w dy too.
void normalize_gradient(const Tensor& dy, const Tensor& x, Tensor& dx, const Grouping& grouping,
                        const GroupStatistics& statistics, Affine affine,
                        const std::vector<double>& w, const NormSums& sums, double epsilon);

}  // namespace tenon::kernels::reference
