#include "tenon/kernels/pool2d.h"

#include <algorithm>

#include "tenon/core/function.h"
#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/reference/pool2d.h"
#include "tenon/kernels/scratch_internal.h"
#include "tenon/kernels/simd/layout.h"
#include "tenon/kernels/simd/pool2d.h"

namespace tenon::kernels {
namespace {

Tensor make_in(const Shape& shape, Order order, Dtype dtype) {
  return make_tensor(shape, strides_in_order(shape, order == Order::other ? Order::rows : order),
                     dtype);
}

/// The axis that pooling leaves alone and that the SIMD kernels' vectors run along. Where the image
/// itself is innermost (`planes`), some planes at a time are turned to lanes.
enum class Lanes { none, batch, channels, planes };

Lanes lanes_of(const PoolGeometry& g, Order order, Dtype dtype) {
  if (dtype != Dtype::f32) return Lanes::none;
  if (order == Order::batch_inner && g.batch > 1) return Lanes::batch;
  if (order == Order::channels_last && g.channels > 1) return Lanes::channels;
  return order == Order::rows ? Lanes::planes : Lanes::none;
}

/// A pixel of x in each of its windows takes about 0.1 ns.
double time_of(const PoolGeometry& g) {
  const double windows = static_cast<double>(g.height.kernel * g.width.kernel) /
                         static_cast<double>(g.height.stride * g.width.stride);
  return static_cast<double>(g.x_shape().numel()) * 0.1 * std::max(windows, 1.0);
}
std::int64_t grain_of(std::int64_t count, double time) {
  return static_cast<std::int64_t>(20000 * static_cast<double>(count) / time) + 1;
}

/// Rows of y, or of x for gradients of windows that overlap, are computed on their own.
enum class RowsOf { x, y };

/// What a kernel reads or writes: [planes][height * width][lanes] of 32-bit elements, f32 or i32.
struct Operand {
  void* elements = nullptr;  ///< null: not wanted
  bool is_x = false;         ///< of x's size, not y's
  bool is_read = false;
};

/// Calls body(planes, its operands, first row, last row), in parallel.
using Body = FunctionRef<void(const simd::PoolPlanes&, void* const*, std::int64_t, std::int64_t)>;

void run_in_planes(const PoolGeometry& g, RowsOf rows_of, const Operand (&operands)[3],
                   const Body& body) {
  constexpr std::int64_t kMostElements = 1 << 16;  // x of a block stays in the second-level cache
  const std::int64_t planes = g.batch * g.channels;
  const std::int64_t x_size = g.height.input * g.width.input;
  const std::int64_t y_size = g.height.output * g.width.output;
  const std::int64_t block = std::clamp<std::int64_t>(kMostElements / x_size / 16 * 16, 16, 64);
  const std::int64_t blocks = (planes + block - 1) / block;
  const std::int64_t rows = rows_of == RowsOf::x ? g.height.input : g.height.output;
  parallel_for(blocks, grain_of(blocks, 5 * time_of(g)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * block, lanes = std::min(block, planes - first);
      thread_local Scratch<float> memories[3];
      void* turned[3] = {};
      const auto plane_of = [&](int k) {
        return static_cast<float*>(operands[k].elements) +
               first * (operands[k].is_x ? x_size : y_size);
      };
      for (int k = 0; k < 3; ++k) {
        if (!operands[k].elements) continue;
        const std::int64_t size = operands[k].is_x ? x_size : y_size;
        turned[k] = memories[k].at_least(size * lanes);
        if (operands[k].is_read) simd::transpose(plane_of(k), size, turned[k], lanes, size, lanes);
      }
      body({g, lanes}, turned, 0, rows);
      for (int k = 0; k < 3; ++k) {
        if (!operands[k].elements || operands[k].is_read) continue;
        const std::int64_t size = operands[k].is_x ? x_size : y_size;
        simd::transpose(turned[k], lanes, plane_of(k), size, lanes, size);
      }
    }
  });
}

void run(const PoolGeometry& g, Lanes lanes, RowsOf rows_of, const Operand (&operands)[3],
         const Body& body) {
  if (g.x_shape().numel() == 0) return;
  if (lanes == Lanes::planes) return run_in_planes(g, rows_of, operands, body);
  const bool batch = lanes == Lanes::batch;
  const simd::PoolPlanes planes{g, batch ? g.batch : g.channels};
  void* const elements[] = {operands[0].elements, operands[1].elements, operands[2].elements};
  const std::int64_t rows =
      (batch ? g.channels : g.batch) * (rows_of == RowsOf::x ? g.height.input : g.height.output);
  parallel_for(rows, grain_of(rows, time_of(g)),
               [&](std::int64_t begin, std::int64_t end) { body(planes, elements, begin, end); });
}

RowsOf rows_of_gradient(const PoolGeometry& g) {
  return simd::PoolPlanes{g, 1}.is_disjoint() ? RowsOf::y : RowsOf::x;
}

void* memory(const Tensor& x) {
  Tensor y = x;
  return x.defined() ? fresh_elements<float>(y) : nullptr;
}

/// x in `order`, copied if it is not.
Tensor in_order(const Tensor& x, Order order, KernelScope& scope) {
  if (has_order(x, order)) return x;
  scope.count_reorder();
  return copy_to_strides(x, strides_in_order(x.shape(), order));
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, const PoolGeometry& g) {
  const Order order = order_of(x);
  Tensor y = make_in(g.y_shape(), order, x.dtype());
  if (const Lanes lanes = lanes_of(g, order, x.dtype()); lanes != Lanes::none) {
    const KernelScope scope("avg_pool2d", "simd");
    run(g, lanes, RowsOf::y, {{memory(x), true, true}, {memory(y)}, {}},
        [](const simd::PoolPlanes& planes, void* const* p, std::int64_t begin, std::int64_t end) {
          simd::avg_pool2d(planes, static_cast<float*>(p[0]), static_cast<float*>(p[1]), begin,
                           end);
        });
    return y;
  }
  const KernelScope scope("avg_pool2d", "reference");
  reference::avg_pool2d(g, x, y);
  return y;
}

Tensor avg_pool2d_gradient(const Tensor& dy, const PoolGeometry& g, Order order) {
  Tensor dx = make_in(g.x_shape(), order, dy.dtype());
  if (const Lanes lanes = lanes_of(g, order_of(dx), dy.dtype()); lanes != Lanes::none) {
    KernelScope scope("avg_pool2d_gradient", "simd");
    const Tensor from = in_order(dy, order_of(dx), scope);
    run(g, lanes, rows_of_gradient(g), {{memory(dx), true}, {memory(from), false, true}, {}},
        [](const simd::PoolPlanes& planes, void* const* p, std::int64_t begin, std::int64_t end) {
          simd::avg_pool2d_gradient(planes, static_cast<float*>(p[1]), static_cast<float*>(p[0]),
                                    begin, end);
        });
    return dx;
  }
  const KernelScope scope("avg_pool2d_gradient", "reference");
  reference::avg_pool2d_gradient(g, dy, dx);
  return dx;
}

MaxPool max_pool2d(const Tensor& x, const PoolGeometry& g, bool want_indices) {
  const Order order = order_of(x);
  MaxPool result{make_in(g.y_shape(), order, x.dtype()), {}};
  if (want_indices) result.indices = make_tensor(g.y_shape(), result.y.strides(), Dtype::i32);
  if (const Lanes lanes = lanes_of(g, order, x.dtype()); lanes != Lanes::none) {
    const KernelScope scope("max_pool2d", "simd");
    run(g, lanes, RowsOf::y,
        {{memory(x), true, true}, {memory(result.y)}, {memory(result.indices)}},
        [](const simd::PoolPlanes& planes, void* const* p, std::int64_t begin, std::int64_t end) {
          simd::max_pool2d(planes, static_cast<float*>(p[0]), static_cast<float*>(p[1]),
                           static_cast<std::int32_t*>(p[2]), begin, end);
        });
    return result;
  }
  const KernelScope scope("max_pool2d", "reference");
  reference::max_pool2d(g, x, result.y, result.indices);
  return result;
}

Tensor max_pool2d_scatter(const Tensor& dy, const Tensor& indices, const PoolGeometry& g) {
  const Order order = order_of(indices);
  Tensor dx = make_in(g.x_shape(), order, dy.dtype());
  if (const Lanes lanes = lanes_of(g, order, dy.dtype()); lanes != Lanes::none) {
    KernelScope scope("max_pool2d_scatter", "simd");
    const Tensor from = in_order(dy, order, scope);
    run(g, lanes, rows_of_gradient(g),
        {{memory(dx), true}, {memory(from), false, true}, {memory(indices), false, true}},
        [](const simd::PoolPlanes& planes, void* const* p, std::int64_t begin, std::int64_t end) {
          simd::max_pool2d_scatter(planes, static_cast<float*>(p[1]),
                                   static_cast<std::int32_t*>(p[2]), static_cast<float*>(p[0]),
                                   begin, end);
        });
    return dx;
  }
  const KernelScope scope("max_pool2d_scatter", "reference");
  reference::max_pool2d_scatter(g, dy, indices, dx);
  return dx;
}

Tensor max_pool2d_gather(const Tensor& x, const Tensor& indices, const PoolGeometry& g) {
  const KernelScope scope("max_pool2d_gather", "reference");
  Tensor y = make_tensor(g.y_shape(), indices.strides(), x.dtype());
  reference::max_pool2d_gather(g, x, indices, y);
  return y;
}

}  // namespace tenon::kernels
