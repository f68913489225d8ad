#include "tenon/kernels/scratch_internal.h"
#include "tenon/kernels/simd/product_internal.h"

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/product_dots.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd::product {
namespace HWY_NAMESPACE {

/// c[r][j] = bias + the sum over k of a[r][k] b[j][k] for R rows and J columns. U vectors of k go
/// into sums of their own, to cover the latency of the multiply-add.
template <Index R, Index J, Index U>
HWY_INLINE void dots(const MatrixProduct& p, Index row, Index column, const float* b,
                     Index b_column) {
  const Floats d;
  FloatVector sum[U][R][J];
#pragma GCC unroll 4
  for (Index u = 0; u < U; ++u) {
#pragma GCC unroll 4
    for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (Index j = 0; j < J; ++j) sum[u][r][j] = hn::Zero(d);
    }
  }
  const float* const a = p.a + row * p.a_row;
  const auto add = [&](Index u, auto load, Index k) HWY_ATTR {
    FloatVector bs[J];
#pragma GCC unroll 4
    for (Index j = 0; j < J; ++j) bs[j] = keep(load(b + j * b_column + k));
#pragma GCC unroll 4
    for (Index r = 0; r < R; ++r) {
      const FloatVector factor = keep(load(a + r * p.a_row + k));
#pragma GCC unroll 4
      for (Index j = 0; j < J; ++j) sum[u][r][j] = hn::MulAdd(factor, bs[j], sum[u][r][j]);
    }
  };
  const auto whole = [d](const float* from) HWY_ATTR { return hn::LoadU(d, from); };
  Index k = 0;
  for (; k + U * kLanes <= p.k; k += U * kLanes) {
#pragma GCC unroll 4
    for (Index u = 0; u < U; ++u) add(u, whole, k + u * kLanes);
  }
  for (; k + kLanes <= p.k; k += kLanes) add(0, whole, k);
  if (k < p.k) {
    const auto count = static_cast<std::size_t>(p.k - k);
    add(
        0,
        [d, count](const float* from)
            HWY_ATTR { return simd::HWY_NAMESPACE::FirstLanes{count}.load(d, from); },
        k);
  }
#pragma GCC unroll 4
  for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (Index j = 0; j < J; ++j) {
      FloatVector total = sum[0][r][j];
#pragma GCC unroll 4
      for (Index u = 1; u < U; ++u) total = hn::Add(total, sum[u][r][j]);
      float value = hn::GetLane(hn::SumOfLanes(d, total));
      if (p.row_bias) value += p.row_bias[row + r];
      if (p.column_bias) value += p.column_bias[column + j];
      p.c[(row + r) * p.c_row + (column + j) * p.c_column] = value;
    }
  }
}

template <Index J, Index U>
HWY_INLINE void dot_columns(const MatrixProduct& p, Index column, const float* b, Index b_column) {
  Index row = 0;
  for (; row + 4 <= p.m; row += 4) dots<4, J, U>(p, row, column, b, b_column);
  for (; row < p.m; ++row) dots<1, J, 2>(p, row, column, b, b_column);
}

void all_dots(const MatrixProduct& p) {
  const float* b = p.b;
  Index b_column = p.b_column;
  if (p.b_row != 1 && p.k > 1) {
    b_column = (p.k + kLanes - 1) / kLanes * kLanes + kLanes;  // no power of 2
    thread_local Scratch<float> columns;
    float* const packed = columns.at_least(p.n * b_column);
    if (p.b_column == 1)
      simd::HWY_NAMESPACE::transpose(p.b, p.b_row, packed, b_column, p.n, p.k);
    else
      for (Index j = 0; j < p.n; ++j)
        for (Index k = 0; k < p.k; ++k)
          packed[j * b_column + k] = p.b[k * p.b_row + j * p.b_column];
    b = packed;
  }
  Index column = 0;
  if constexpr (HWY_TARGET == HWY_AVX3)
    for (; column + 4 <= p.n; column += 4)
      dot_columns<4, 1>(p, column, b + column * b_column, b_column);
  for (; column + 2 <= p.n; column += 2)
    dot_columns<2, 1>(p, column, b + column * b_column, b_column);
  if (column < p.n) dot_columns<1, 2>(p, column, b + column * b_column, b_column);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd::product
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd::product {

HWY_EXPORT(all_dots);

void multiply_dots(const MatrixProduct& product) { HWY_DYNAMIC_DISPATCH(all_dots)(product); }

}  // namespace tenon::kernels::simd::product
#endif
