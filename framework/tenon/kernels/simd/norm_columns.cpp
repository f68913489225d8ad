#include <algorithm>
#include <cmath>

#include "tenon/kernels/simd/norm.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/norm_columns.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"
#include "tenon/kernels/simd/norm-inl.h"
#include "tenon/kernels/simd/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

/// Columns whose sums are held at once.
constexpr std::size_t kWidth = 512;
/// Rows that a column adds up in f32.
constexpr std::size_t kRows = 8;

/// sums[i] += sum over the rows of term(row, column i, access).
template <class Term>
HWY_INLINE void add_rows(std::size_t rows, std::size_t width, double* sums, Term term) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t row = 0; row < rows; row += kRows) {
    const std::size_t count = std::min(kRows, rows - row);
    const auto sum_of = [=](std::size_t i, auto access) HWY_ATTR {
      FloatVector even = hn::Zero(d), odd = hn::Zero(d);
      std::size_t r = 0;
      for (; r + 2 <= count; r += 2) {
        even = hn::Add(even, term(row + r, i, access));
        odd = hn::Add(odd, term(row + r + 1, i, access));
      }
      if (r < count) even = hn::Add(even, term(row + r, i, access));
      return hn::Add(even, odd);
    };
    std::size_t i = 0;
    for (; i + lanes <= width; i += lanes) add_doubles(sum_of(i, AllLanes()), sums + i);
    if (i < width) add_doubles(sum_of(i, FirstLanes{width - i}), sums + i, width - i);
  }
}

/// body(first column, how many).
template <class Body>
HWY_INLINE void for_tiles(std::int64_t groups, Body body) {
  const auto count = static_cast<std::size_t>(groups);
  for (std::size_t at = 0; at < count; at += kWidth) body(at, std::min(kWidth, count - at));
}

void moments_of_columns(std::int64_t groups, const float* x, std::int64_t begin, std::int64_t end,
                        double* mean, double* squares) {
  const Floats d;
  const auto stride = static_cast<std::size_t>(groups);
  for_tiles(groups, [=](std::size_t at, std::size_t width) HWY_ATTR {
    // Both passes over a stretch of rows stay in the first cache.
    const std::size_t stretch = std::max<std::size_t>(kRows, 4096 / width / kRows * kRows);
    std::fill_n(mean + at, width, 0.0);
    std::fill_n(squares + at, width, 0.0);
    double sums[kWidth], distances[kWidth];
    HWY_ALIGN float centre[kWidth];
    double count = 0;
    for (std::int64_t row = begin; row < end; row += static_cast<std::int64_t>(stretch)) {
      const std::size_t rows = std::min(stretch, static_cast<std::size_t>(end - row));
      const float* from = x + static_cast<std::size_t>(row) * stride + at;
      const auto more = static_cast<double>(rows);
      std::fill_n(sums, width, 0.0);
      std::fill_n(distances, width, 0.0);
      // Sums of distances from a number of theirs keep the digits of a mean far from 0.
      add_rows(rows, width, sums, [=](std::size_t r, std::size_t i, auto access) HWY_ATTR {
        return hn::Sub(access.load(d, from + r * stride + i), access.load(d, from + i));
      });
      for (std::size_t i = 0; i < width; ++i) {
        sums[i] = static_cast<double>(from[i]) + sums[i] / more;
        centre[i] = static_cast<float>(sums[i]);
      }
      const float* near_mean = centre;
      add_rows(rows, width, distances, [=](std::size_t r, std::size_t i, auto access) HWY_ATTR {
        const FloatVector distance =
            hn::Sub(access.load(d, from + r * stride + i), access.load(d, near_mean + i));
        return hn::Mul(distance, distance);
      });
      // As Moments::add; the counts are those of every column.
      const double total = count + more;
      const double of_squares = count * more / total, of_mean = more / total;
      for (std::size_t i = 0; i < width; ++i) {
        const double off = sums[i] - static_cast<double>(centre[i]);
        const double distance = sums[i] - mean[at + i];
        squares[at + i] +=
            std::max(distances[i] - off * off * more, 0.0) + distance * distance * of_squares;
        mean[at + i] += distance * of_mean;
      }
      count = total;
    }
  });
}

void gradient_sums_of_columns(std::int64_t groups, const float* dy, const float* x,
                              const float* centre, const float* row_scale, std::int64_t begin,
                              std::int64_t end, double* sums, double* products) {
  const Floats d;
  const auto stride = static_cast<std::size_t>(groups);
  for_tiles(groups, [=](std::size_t at, std::size_t width) HWY_ATTR {
    std::fill_n(sums + at, width, 0.0);
    std::fill_n(products + at, width, 0.0);
    for (std::int64_t row = begin; row < end; row += static_cast<std::int64_t>(kRows)) {
      const std::size_t rows = std::min(kRows, static_cast<std::size_t>(end - row));
      const std::size_t first = static_cast<std::size_t>(row) * stride + at;
      const float *slope = dy + first, *from = x + first, *mean = centre + at;
      const float* scale = row_scale == nullptr ? nullptr : row_scale + row;
      const auto gradient = [=](std::size_t r, std::size_t i, auto access) HWY_ATTR {
        const FloatVector g = access.load(d, slope + r * stride + i);
        return scale == nullptr ? g : hn::Mul(g, hn::Set(d, scale[r]));
      };
      add_rows(rows, width, sums + at, gradient);
      add_rows(rows, width, products + at, [=](std::size_t r, std::size_t i, auto access) HWY_ATTR {
        const FloatVector distance =
            hn::Sub(access.load(d, from + r * stride + i), access.load(d, mean + i));
        return hn::Mul(gradient(r, i, access), distance);
      });
    }
  });
}

/// y = f(i, access, row) for the elements of the rows [begin, end).
template <class F>
HWY_INLINE void map_rows(std::int64_t groups, std::int64_t begin, std::int64_t end, float* y, F f) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto width = static_cast<std::size_t>(groups);
  for (std::int64_t row = begin; row < end; ++row) {
    const std::size_t first = static_cast<std::size_t>(row) * width;
    std::size_t i = 0;
    for (; i + lanes <= width; i += lanes)
      hn::StoreU(f(first, i, AllLanes(), row), d, y + first + i);
    if (i < width)
      FirstLanes{width - i}.store(f(first, i, FirstLanes{width - i}, row), d, y + first + i);
  }
}

void normalize_columns(std::int64_t groups, const NormScales& scales, const float* x,
                       std::int64_t begin, std::int64_t end, float* y) {
  const Floats d;
  const auto normalized = [=](std::size_t first, std::size_t i, auto access) HWY_ATTR {
    const FloatVector distance =
        hn::Sub(access.load(d, x + first + i), access.load(d, scales.centre + i));
    return hn::MulAdd(distance, access.load(d, scales.scale + i), access.load(d, scales.shift + i));
  };
  if (scales.row_scale == nullptr && scales.row_shift == nullptr)
    return map_rows(groups, begin, end, y,
                    [=](std::size_t first, std::size_t i, auto access, std::int64_t)
                        HWY_ATTR { return normalized(first, i, access); });
  map_rows(groups, begin, end, y,
           [=](std::size_t first, std::size_t i, auto access, std::int64_t row) HWY_ATTR {
             const float w = scales.row_scale == nullptr ? 1.0f : scales.row_scale[row];
             const float b = scales.row_shift == nullptr ? 0.0f : scales.row_shift[row];
             return hn::MulAdd(normalized(first, i, access), hn::Set(d, w), hn::Set(d, b));
           });
}

void gradient_columns(std::int64_t groups, const NormSlopes& slopes, const float* dy,
                      const float* x, std::int64_t begin, std::int64_t end, float* dx) {
  const Floats d;
  map_rows(groups, begin, end, dx,
           [=](std::size_t first, std::size_t i, auto access, std::int64_t row) HWY_ATTR {
             FloatVector g = access.load(d, dy + first + i);
             if (slopes.row_scale != nullptr) g = hn::Mul(g, hn::Set(d, slopes.row_scale[row]));
             const FloatVector distance =
                 hn::Sub(access.load(d, x + first + i), access.load(d, slopes.centre + i));
             return hn::MulAdd(g, access.load(d, slopes.of_dy + i),
                               hn::MulAdd(distance, access.load(d, slopes.of_x + i),
                                          access.load(d, slopes.constant + i)));
           });
}

void sums_of_rows(std::int64_t groups, const float* dy, const float* x, const float* centre,
                  const float* reciprocal, std::int64_t begin, std::int64_t end, float* dw,
                  float* db) {
  const Floats d;
  for (std::int64_t row = begin; row < end; ++row) {
    const float *g = dy + row * groups, *from = x + row * groups;
    const auto width = static_cast<std::size_t>(groups);
    db[row] = static_cast<float>(sum_terms(
        width, [=](std::size_t i, auto access) HWY_ATTR { return access.load(d, g + i); }));
    dw[row] = static_cast<float>(sum_terms(width, [=](std::size_t i, auto access) HWY_ATTR {
      const FloatVector distance = hn::Sub(access.load(d, from + i), access.load(d, centre + i));
      return hn::Mul(access.load(d, g + i), hn::Mul(distance, access.load(d, reciprocal + i)));
    }));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(moments_of_columns);
HWY_EXPORT(gradient_sums_of_columns);
HWY_EXPORT(normalize_columns);
HWY_EXPORT(gradient_columns);
HWY_EXPORT(sums_of_rows);

void column_moments(std::int64_t groups, const float* x, std::int64_t begin, std::int64_t end,
                    double* mean, double* squares) {
  HWY_DYNAMIC_DISPATCH(moments_of_columns)(groups, x, begin, end, mean, squares);
}
void column_gradient_sums(std::int64_t groups, const float* dy, const float* x, const float* centre,
                          const float* row_scale, std::int64_t begin, std::int64_t end,
                          double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(gradient_sums_of_columns)
  (groups, dy, x, centre, row_scale, begin, end, sums, products);
}
void column_normalize(std::int64_t groups, const NormScales& scales, const float* x,
                      std::int64_t begin, std::int64_t end, float* y) {
  HWY_DYNAMIC_DISPATCH(normalize_columns)(groups, scales, x, begin, end, y);
}
void column_gradient(std::int64_t groups, const NormSlopes& slopes, const float* dy, const float* x,
                     std::int64_t begin, std::int64_t end, float* dx) {
  HWY_DYNAMIC_DISPATCH(gradient_columns)(groups, slopes, dy, x, begin, end, dx);
}
void row_gradient_sums(std::int64_t groups, const float* dy, const float* x, const float* centre,
                       const float* reciprocal, std::int64_t begin, std::int64_t end, float* dw,
                       float* db) {
  HWY_DYNAMIC_DISPATCH(sums_of_rows)(groups, dy, x, centre, reciprocal, begin, end, dw, db);
}

}  // namespace tenon::kernels::simd
#endif
