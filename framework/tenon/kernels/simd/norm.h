#pragma once

#include <cstdint>

#include "tenon/kernels/reference/norm.h"

namespace tenon::kernels::simd {

// Normalisation of f32 by groups. Dense memory is walked in one of two ways:
//   runs:    [outer][groups][inner], the elements of a group contiguous for `inner`;
//   columns: [rows][groups], neighbours belong to different groups.
// Sums: short ones in f32, these in double.

using reference::Grouping;

/// What is done to an element of group g: y = (x - centre_g) scale_g + shift_g. For columns y is
/// then y row_scale + row_shift of its row, unless null.
struct NormScales {
  const float* centre;
  const float* scale;
  const float* shift;
  const float* row_scale = nullptr;
  const float* row_shift = nullptr;
};
/// dx = (row_scale dy) of_dy_g + (x - centre_g) of_x_g + constant_g.
struct NormSlopes {
  const float* centre;
  const float* of_dy;
  const float* of_x;
  const float* constant;
  const float* row_scale = nullptr;
};

// Runs: groups [group, group_end), of each the positions [begin, end) of outer * inner. Result i
// belongs to group + i.

/// mean, and the sum of squared distances from it.
void run_moments(const Grouping& grouping, const float* x, std::int64_t group,
                 std::int64_t group_end, std::int64_t begin, std::int64_t end, double* mean,
                 double* squares);
/// The sums of dy and of dy (x - centre).
void run_gradient_sums(const Grouping& grouping, const float* dy, const float* x,
                       const float* centre, std::int64_t group, std::int64_t group_end,
                       std::int64_t begin, std::int64_t end, double* sums, double* products);
/// The runs [begin, end) of outer * groups.
void run_normalize(const Grouping& grouping, const NormScales& scales, const float* x,
                   std::int64_t begin, std::int64_t end, float* y);
void run_gradient(const Grouping& grouping, const NormSlopes& slopes, const float* dy,
                  const float* x, std::int64_t begin, std::int64_t end, float* dx);

// Columns: the rows [begin, end), all groups.

void column_moments(std::int64_t groups, const float* x, std::int64_t begin, std::int64_t end,
                    double* mean, double* squares);
/// Of row_scale dy, unless null.
void column_gradient_sums(std::int64_t groups, const float* dy, const float* x, const float* centre,
                          const float* row_scale, std::int64_t begin, std::int64_t end,
                          double* sums, double* products);
void column_normalize(std::int64_t groups, const NormScales& scales, const float* x,
                      std::int64_t begin, std::int64_t end, float* y);
void column_gradient(std::int64_t groups, const NormSlopes& slopes, const float* dy, const float* x,
                     std::int64_t begin, std::int64_t end, float* dx);
/// Of each row: db = sum of dy, dw = sum of dy (x - centre) reciprocal.
void row_gradient_sums(std::int64_t groups, const float* dy, const float* x, const float* centre,
                       const float* reciprocal, std::int64_t begin, std::int64_t end, float* dw,
                       float* db);

// Layers: [groups][positions], each row normalised by itself.

struct LayerNorm {
  std::int64_t positions;
  double epsilon;
  const float* w;  ///< [positions], or null for 1
  const float* b;  ///< or null for 0
};
void layer_norm(const LayerNorm& norm, const float* x, std::int64_t begin, std::int64_t end,
                float* y, float* mean, float* variance);
/// dx unless null; dw and db, unless null, are added to.
void layer_norm_gradient(const LayerNorm& norm, const float* dy, const float* x, const float* mean,
                         const float* variance, std::int64_t begin, std::int64_t end, float* dx,
                         double* dw, double* db);

}  // namespace tenon::kernels::simd
