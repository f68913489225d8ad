#include "tenon/kernels/copy.h"

#include <algorithm>
#include <cstring>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/convert_internal.h"
#include "tenon/kernels/loop_internal.h"
#include "tenon/kernels/simd/elementwise.h"
#include "tenon/kernels/simd/layout.h"

namespace tenon::kernels {
namespace {

/// A square tile is a cache line wide, so that every line it touches is read or written whole, at
/// once.
template <class T>
constexpr std::int64_t kTile = sizeof(T) == 1 ? 16 : 64 / static_cast<std::int64_t>(sizeof(T));
constexpr double kLineCost = 0.15;  // ns an element, streaming
constexpr double kTurnCost = 0.3;   // ns an element, transposed in registers
constexpr double kStridedCost = 1;  // ns an element

/// Calls f with a zero of an unsigned type of the element's size: copies move bits, whatever they
/// mean.
template <class F>
void visit_size(Dtype dtype, F&& f) {
  switch (size_bytes(dtype)) {
    case 1: return f(std::uint8_t{});
    case 4: return f(std::uint32_t{});
    default: return f(std::uint64_t{});
  }
}

/// The axis, other than the innermost, along which the source is contiguous; rank if there is none.
std::size_t source_line(const Loop& loop) {
  for (std::size_t axis = 0; axis + 1 < loop.rank; ++axis)
    if (loop.strides[1][axis] == 1) return axis;
  return loop.rank;
}

/// y[i][j] = x[j][i] for a whole tile. It turns in a buffer: where strides are powers of two, the
/// lines of x and of y fall on a few sets of the cache and would push each other out.
template <class T>
void transpose_tile(T* y, std::int64_t y_step, const T* x, std::int64_t x_step) {
  constexpr auto kSide = static_cast<std::size_t>(kTile<T>);
  T from[kSide][kSide], to[kSide][kSide];
  for (std::size_t j = 0; j < kSide; ++j, x += x_step) std::memcpy(from[j], x, sizeof(from[j]));
  for (std::size_t i = 0; i < kSide; ++i)
    for (std::size_t j = 0; j < kSide; ++j) to[i][j] = from[j][i];
  for (std::size_t i = 0; i < kSide; ++i, y += y_step) std::memcpy(y, to[i], sizeof(to[i]));
}

/// y[i * y_step + j] = x[i + j * x_step] for i < rows, j < columns.
template <class T>
void transpose(T* y, std::int64_t y_step, const T* x, std::int64_t x_step, std::int64_t rows,
               std::int64_t columns) {
  if constexpr (sizeof(T) == 4) return simd::transpose(x, x_step, y, y_step, rows, columns);
  constexpr std::int64_t kSide = kTile<T>;
  for (std::int64_t row = 0; row < rows; row += kSide) {
    const std::int64_t height = std::min(kSide, rows - row);
    for (std::int64_t column = 0; column < columns; column += kSide) {
      const std::int64_t width = std::min(kSide, columns - column);
      const T* from = x + row + column * x_step;
      T* to = y + row * y_step + column;
      if (height == kSide && width == kSide) {
        transpose_tile(to, y_step, from, x_step);
      } else {
        for (std::int64_t i = 0; i < height; ++i)
          for (std::int64_t j = 0; j < width; ++j) to[i * y_step + j] = from[i + j * x_step];
      }
    }
  }
}

/// The destination is contiguous along the innermost axis, the source along `line`: in bands of
/// lines.
template <class T>
void copy_transposed(const Loop& loop, std::size_t line, T* y, const T* x) {
  const std::size_t inner = loop.rank - 1;
  const std::int64_t width = loop.sizes[inner], height = loop.sizes[line];
  const std::int64_t x_step = loop.strides[1][inner], y_step = loop.strides[0][line];
  constexpr std::int64_t kBandElements = 1 << 14;  // two bands fit the second-level cache
  const std::int64_t band = std::max<std::int64_t>(kBandElements / width / 16 * 16, 16);
  const std::int64_t bands = (height + band - 1) / band;
  const std::int64_t planes = loop.numel / (width * height);
  const std::int64_t grain = std::max<std::int64_t>(
      1, grain_for(sizeof(T) == 4 ? kTurnCost : kStridedCost) / (width * std::min(height, band)));
  parallel_for(planes * bands, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first = item % bands * band, rows = std::min(band, height - first);
      std::int64_t x_offset = first, y_offset = first * y_step, plane = item / bands;
      for (std::size_t axis = loop.rank; axis-- > 0;) {
        if (axis == line || axis == inner) continue;
        x_offset += plane % loop.sizes[axis] * loop.strides[1][axis];
        y_offset += plane % loop.sizes[axis] * loop.strides[0][axis];
        plane /= loop.sizes[axis];
      }
      transpose(y + y_offset, y_step, x + x_offset, x_step, rows, width);
    }
  });
}

void copy_same_dtype(Tensor& destination, const Tensor& source) {
  const Loop loop = make_loop(destination, {&source});
  const std::size_t inner = loop.rank - 1, line = source_line(loop);
  const bool copies_lines =
      loop.strides[0][inner] == 1 && loop.strides[1][inner] == 1 && loop.sizes[inner] >= 16;
  const bool transposes = !copies_lines && loop.numel > 0 && line < loop.rank &&
                          loop.strides[0][inner] == 1 && loop.strides[1][inner] != 0;
  const bool is_simd = transposes && size_bytes(source.dtype()) == 4;
  const KernelScope scope("copy", is_simd ? "simd" : "reference");
  visit_size(source.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* y = fresh_elements<T>(destination);
    const T* x = elements<T>(source);
    if (copies_lines) {
      for_each_run(loop, grain_for(kLineCost), [&](const Run& run) {
        std::memcpy(y + run.offset[0], x + run.offset[1],
                    static_cast<std::size_t>(run.count) * sizeof(T));
      });
    } else if (transposes) {
      copy_transposed(loop, line, y, x);
    } else {
      for_each_run(loop, grain_for(kStridedCost),
                   [&](const Run& run) { map_run(run, y, x, [](T value) { return value; }); });
    }
  });
}

}  // namespace

void copy(Tensor& destination, const Tensor& source) {
  if (source.dtype() == destination.dtype()) return copy_same_dtype(destination, source);
  const KernelScope scope("copy", "reference");
  const Loop loop = make_loop(destination, {&source});
  visit_dtype(destination.dtype(), [&](auto to) {
    visit_dtype(source.dtype(), [&](auto from) {
      using To = decltype(to);
      using From = decltype(from);
      To* y = fresh_elements<To>(destination);
      const From* x = elements<From>(source);
      for_each_run(loop, grain_for(kStridedCost),
                   [&](const Run& run) { map_run(run, y, x, convert_value<To, From>); });
    });
  });
}

void fill(Tensor& destination, double value) {
  const KernelScope scope("fill", "reference");
  const Loop loop = make_loop(destination, {});
  visit_dtype(destination.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T number = convert_value<T>(value);
    T* y = fresh_elements<T>(destination);
    for_each_run(loop, grain_for(kLineCost), [&](const Run& run) {
      T* first = y + run.offset[0];
      if (run.stride[0] == 1) {
        std::fill(first, first + run.count, number);
      } else {
        for (std::int64_t i = 0; i < run.count; ++i) first[i * run.stride[0]] = number;
      }
    });
  });
}

Tensor copy_to_strides(const Tensor& x, const Strides& strides) {
  Tensor y = make_tensor(x.shape(), strides, x.dtype());
  copy(y, x);
  return y;
}

Tensor convert(const Tensor& x, Dtype dtype) {
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x}), dtype);
  copy(y, x);
  return y;
}

void add_into(Tensor& total, const Tensor& x) {
  const bool is_simd = total.dtype() == Dtype::f32;
  const KernelScope scope("add_into", is_simd ? "simd" : "reference");
  const Loop loop = make_loop(total, {&x});
  visit_floating(total.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* y = fresh_elements<T>(total);
    const T* a = elements<T>(x);
    for_each_run(loop, grain_for(is_simd ? 0.25 : 1), [&](const Run& run) {
      if constexpr (std::is_same_v<T, float>) {
        if (run.stride[0] == 1 && run.stride[1] == 1) {
          float* first = y + run.offset[0];
          simd::binary(Binary::add, {}, first, false, a + run.offset[1], false, first, run.count);
          return;
        }
      }
      T* to = y + run.offset[0];
      const T* from = a + run.offset[1];
      for (std::int64_t i = 0; i < run.count; ++i) to[i * run.stride[0]] += from[i * run.stride[1]];
    });
  });
}

}  // namespace tenon::kernels
